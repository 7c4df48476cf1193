/** Waiting for what happened, and saying what did not. */
import { setTimeout as pause } from 'node:timers/promises';

const GIVE_UP_MS = 20_000;
const STEP_MS = 3;

/** Resolves when `happened` holds. `between` runs before each further look (moves a clock that stands still). Throws what it waited for. */
export async function until(
  happened: () => boolean | Promise<boolean>,
  what: string,
  between: () => void = () => undefined,
): Promise<void> {
  const end = performance.now() + GIVE_UP_MS;
  while (!(await happened())) {
    if (performance.now() > end) throw new Error(`waited ${GIVE_UP_MS / 1000} s in vain until ${what}`);
    between();
    await pause(STEP_MS);
  }
}
