export { WORKER_ENVIRONMENT, WORKER_FLAGS } from './collector.ts';
export type { Configuration } from './configuration.ts';
export { loadConfiguration, parseConfiguration, spoolMounts, targetResolver } from './configuration.ts';
export { AddressNotAllowed, BadConfiguration, MissingSecret, UnknownTarget } from './errors.ts';
export { processLog, silentLog } from './log.ts';
export { redisOf, runProcess, runRole } from './main.ts';
export { untilStopped } from './stopping.ts';
export type { Running, Setup } from './worker.ts';
export { openEngine, startScheduler, startWorker } from './worker.ts';
