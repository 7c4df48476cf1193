/** What the image calls healthy: the address in LONGSHORE_HEALTH answers with a success. Without one there is nothing to ask. */
const address = process.env.LONGSHORE_HEALTH;
if (address !== undefined) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(4_000) }).catch((error: unknown) => {
    const { message, cause } = error as Error;
    return { ok: false, status: cause instanceof Error ? cause.message : message };
  });
  // Shown by `docker inspect`: a sentence, and no stack.
  if (!answer.ok) {
    console.error(`${address} answered: ${answer.status}`);
    process.exitCode = 1;
  }
}
