/** Loaded into every process of a local fleet: ends it in good order when its supervisor is gone, however that went. */
process.on('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
});
