/** Writes docs/longshore.schema.json, the JSON Schema of `longshore.yaml` for editors, from the schema that the programs check it with. */
import { settingsJsonSchema } from '@longshore/host';
import { settle } from './generated.ts';

if (import.meta.main) {
  const text = `${JSON.stringify(settingsJsonSchema(), undefined, 2)}\n`;
  process.exitCode = settle(process.argv[2], 'docs/longshore.schema.json', text, 'test/docs/settings.ts');
}
