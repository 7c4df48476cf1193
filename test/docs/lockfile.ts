/** The lockfile names packages and hashes, never where they were fetched from: it has to work with whatever registry a machine uses. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const lockfile = join(import.meta.dirname, '..', '..', 'pnpm-lock.yaml');
const addresses = readFileSync(lockfile, 'utf8')
  .split('\n')
  .flatMap((line, index) => (/\b(https?|git|ssh):\/\/|\btarball:/.test(line) ? [`pnpm-lock.yaml:${index + 1}: ${line.trim()}`] : []));

if (addresses.length > 0) {
  console.error(`the lockfile holds addresses:\n${addresses.join('\n')}`);
  process.exitCode = 1;
}
