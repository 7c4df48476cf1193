/** Begins work that is waited for later; until then its failure is nobody's. */
export function observed(work: () => Promise<void>): Promise<void> {
  const running = work();
  running.catch(() => undefined);
  return running;
}
