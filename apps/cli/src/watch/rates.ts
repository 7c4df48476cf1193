/** Speeds over the last while, from numbers that only grow. */

export interface Sample {
  at: number;
  points: number;
  bytes: number;
  /** How much of the whole is done, 0 to 1. */
  share: number;
}

export interface Speeds {
  pointsPerSecond?: number;
  bytesPerSecond?: number;
  etaMs?: number;
}

const WINDOW_MS = 30_000;
/** Less tells nothing. */
const SHORTEST_MS = 1_500;

export class Rates {
  readonly #samples: Sample[] = [];

  add(sample: Sample): Speeds {
    this.#samples.push(sample);
    while (this.#samples.length > 2 && sample.at - this.#samples[0]!.at > WINDOW_MS) this.#samples.shift();
    const first = this.#samples[0]!;
    const ms = sample.at - first.at;
    if (ms < SHORTEST_MS) return {};
    const speeds: Speeds = {
      pointsPerSecond: Math.max(0, ((sample.points - first.points) * 1000) / ms),
      bytesPerSecond: Math.max(0, ((sample.bytes - first.bytes) * 1000) / ms),
    };
    const gained = sample.share - first.share;
    if (gained > 0 && sample.share < 1) speeds.etaMs = ((1 - sample.share) * ms) / gained;
    return speeds;
  }
}
