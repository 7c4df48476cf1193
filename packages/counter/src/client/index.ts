export { ACTION_MS, CounterClient, counterService } from './client.ts';
export { TooLittle } from './errors.ts';
