/** What is wrong with one parameter, in the words of the person who typed it. */

const THINGS: Readonly<Record<string, string>> = {
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  null: 'null',
};
const LIMITS: Readonly<Record<string, string>> = { '>=': 'at least', '<=': 'at most', '>': 'more than', '<': 'less than' };

/** Of an issue that a schema has found; messages of our own schemas are left as they are. */
export function problemOf({ path, message }: { path: readonly PropertyKey[]; message: string }): string {
  const name = path.map(String).join('.') || 'params';
  if (/received undefined$/.test(message)) return `${name} is missing`;
  const [, wanted, got] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? [];
  if (wanted && got) return `${name} must be ${THINGS[wanted] ?? wanted}, not ${THINGS[got] ?? got}`;
  const [, verb, sign, limit] = /^Too (?:small|big): expected \w+ to (be|have) (>=|<=|>|<)(.+)$/.exec(message) ?? [];
  if (verb && sign && limit) return `${name} must ${verb} ${LIMITS[sign]} ${limit}`;
  const [, choices] = /^Invalid option: expected one of (.+)$/.exec(message) ?? [];
  if (choices) return `${name} must be one of ${choices.replaceAll('"', '').replaceAll('|', ', ')}`;
  return `${name}: ${message}`;
}
