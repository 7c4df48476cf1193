/** In a cluster a script may touch only the keys it was given: the text of each is held against that. */
import { describe, expect, test } from 'vitest';
import { SCRIPTS } from '../src/scripts.ts';

/** Commands whose first argument is no key, or that have none. */
const KEYLESS = ['PUBLISH', 'TIME'];
/** First arguments of every other command. */
const touched = (lua: string): string[] =>
  [...lua.matchAll(/redis\.call\('(\w+)', ([\w.[\]()+ ]+)/g)]
    .filter(([, command]) => !KEYLESS.includes(command!))
    .map(([, , key]) => key!.trim());

describe('every script', () => {
  for (const [name, lua] of Object.entries(SCRIPTS)) {
    test(`${name} touches declared keys only`, () => {
      const count = (text: string): number => lua.split(text).length - 1;
      const commands = KEYLESS.reduce((sum, command) => sum - count(`redis.call('${command}'`), count('redis.call('));
      const keys = touched(lua);
      expect(keys).toHaveLength(commands);
      // `key` is a parameter of the functions that scripts share; these are called with a declared one.
      expect(keys.filter((key) => !key.startsWith('KEYS[') && !/^key\)?$/.test(key))).toEqual([]);
      const shared = [...lua.matchAll(/(?<!function )\b(?:generation|ordered|release)\(([^,)]+)/g)].map(([, key]) => key);
      expect(shared.filter((key) => !/^KEYS\[\d+\]$/.test(key!))).toEqual([]);
    });

    test(`${name} never encodes a record`, () => {
      expect(lua).not.toContain('cjson.encode');
    });
  }
});
