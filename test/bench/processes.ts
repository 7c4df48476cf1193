/** What processes take of the machine, read from /proc: CPU time at any moment of a run, and the most memory each had. */
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';

/** Linux counts the CPU time of a process in hundredths of a second, on every architecture. */
const TICKS_PER_SECOND = 100;
const SAMPLE_MS = 50;

/** Seconds of CPU, user and system, all threads, ended ones too. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name in brackets may hold anything; fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Most resident memory since the process began or `forgetPeak`, in MB. */
export async function peakRssMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** False where the system does not allow it; the peak is then that of the process's whole life. */
export async function forgetPeak(pid: number): Promise<boolean> {
  return writeFile(`/proc/${pid}/clear_refs`, '5').then(
    () => true,
    () => false,
  );
}

interface Sample {
  at: number;
  cpu: number;
}

/** CPU time of some processes together, noted every 50 ms, so that any span of the run can be looked at afterwards. */
export class CpuMeter {
  readonly #pids: readonly number[];
  readonly #samples: Sample[] = [];
  readonly #stop = new AbortController();
  #sampling: Promise<void> = Promise.resolve();

  private constructor(pids: readonly number[]) {
    this.#pids = pids;
  }

  static async start(pids: readonly number[]): Promise<CpuMeter> {
    const meter = new CpuMeter(pids);
    await meter.#sample();
    meter.#sampling = meter.#keepSampling();
    return meter;
  }

  async #sample(): Promise<void> {
    const times = await Promise.all(this.#pids.map(cpuSeconds));
    this.#samples.push({ at: Date.now(), cpu: times.reduce((sum, each) => sum + each, 0) });
  }

  async #keepSampling(): Promise<void> {
    for (;;) {
      const slept = await wait(SAMPLE_MS, true, { signal: this.#stop.signal }).catch(() => false);
      if (!slept) return;
      await this.#sample();
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#sampling;
    await this.#sample();
  }

  /** Between two moments, ms since the epoch. */
  between(fromMs: number, toMs: number): number {
    return this.#at(toMs) - this.#at(fromMs);
  }

  #at(ms: number): number {
    const after = this.#samples.findIndex(({ at }) => at >= ms);
    const next = this.#samples[after];
    const before = this.#samples[after - 1];
    if (next === undefined) return this.#samples.at(-1)?.cpu ?? 0;
    if (before === undefined) return next.cpu;
    return before.cpu + ((next.cpu - before.cpu) * (ms - before.at)) / (next.at - before.at);
  }
}
