/** How long operations of these sizes would take if all that are not yet through had equal shares of `throughput`. Same order, in seconds. */
export function fairSeconds(sizes: readonly number[], throughput: number): number[] {
  const order = sizes.map((size, at) => ({ size, at })).sort((a, b) => a.size - b.size);
  const times = Array.from(sizes, () => 0);
  let now = 0;
  let done = 0;
  order.forEach(({ size, at }, before) => {
    now += ((size - done) * (order.length - before)) / throughput;
    done = size;
    times[at] = now;
  });
  return times;
}
