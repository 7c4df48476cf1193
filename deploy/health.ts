/** What the image calls healthy: the address in LONGSHORE_HEALTH answers with a success. Without one there is nothing to ask. */
const address = process.env.LONGSHORE_HEALTH;
if (address !== undefined) {
  const { ok, status } = await fetch(address, { signal: AbortSignal.timeout(4_000) });
  if (!ok) throw new Error(`${address} answered ${status}`);
}
