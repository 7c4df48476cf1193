/** Prints the numbers of the fields of our protocol files, by message: what the program in `today/` fills. */
import { messagesOf } from './vitess/definitions.ts';

const numbers = Object.fromEntries([...messagesOf('client')].map(([name, type]) => [name, type.fieldsArray.map(({ id }) => id)]));
process.stdout.write(`${JSON.stringify(numbers, undefined, 1)}\n`);
