/** How much of the copying's requests are refused, from a load that is measured: a little less at a time while all is well, half of what is left at once when it is not. Pure. */

export interface Load {
  value: number;
  limit: number;
}

const STEP = 0.1;
/** Never all of it: a copy that stands still for long has to be begun anew when binlogs are gone. */
const MOST = 0.95;

/** Share of requests that are refused, 0 to 1. */
export function nextRatio(ratio: number, { value, limit }: Load): number {
  if (value > limit) return round(Math.min(MOST, ratio + (1 - ratio) / 2));
  // Between half the limit and the limit nothing is changed, so that it does not swing.
  if (value > limit / 2) return ratio;
  return round(Math.max(0, ratio - STEP));
}

function round(ratio: number): number {
  return Math.round(ratio * 100) / 100;
}
