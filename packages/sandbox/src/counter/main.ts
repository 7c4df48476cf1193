/**
 * A counter service as a process of its own: `node main.ts [--port 0] [--fenced] [NAME=VALUE …]`. Prints its port, and ends on SIGTERM
 * or SIGINT.
 */
import { parseArgs } from 'node:util';
import { startCounterService } from './server.ts';

const { values, positionals } = parseArgs({
  options: { port: { type: 'string', default: '0' }, fenced: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const counters = Object.fromEntries(
  positionals.map((given): [string, number] => {
    const [name = '', value = '0'] = given.split('=');
    return [name, Number(value)];
  }),
);
const service = await startCounterService({ port: Number(values.port), fenced: values.fenced, counters });
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void service.close());
process.stdout.write(`${service.port}\n`);
