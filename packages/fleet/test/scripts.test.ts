/** In a cluster a script may touch only the keys it was given: the text of each is held against that. */
import { describe, expect, test } from 'vitest';
import { SCRIPTS } from '../src/scripts.ts';

/** First arguments of every command, but for channels, which are no keys. */
const touched = (lua: string): string[] =>
  [...lua.matchAll(/redis\.call\('(\w+)', ([\w.[\]()+ ]+)/g)]
    .filter(([, command]) => command !== 'PUBLISH')
    .map(([, , key]) => key!.trim());

describe('every script', () => {
  for (const [name, lua] of Object.entries(SCRIPTS)) {
    test(`${name} touches declared keys only`, () => {
      const commands = lua.split('redis.call(').length - 1 - (lua.split("redis.call('PUBLISH'").length - 1);
      const keys = touched(lua);
      expect(keys).toHaveLength(commands);
      // `key` is a parameter of the functions that scripts share; these are called with a declared one.
      expect(keys.filter((key) => !key.startsWith('KEYS[') && key !== 'key')).toEqual([]);
      const shared = [...lua.matchAll(/(?<!function )\b(?:generation|ordered)\(([^,)]+)/g)].map(([, key]) => key);
      expect(shared.filter((key) => key !== 'KEYS[1]')).toEqual([]);
    });

    test(`${name} never encodes a record`, () => {
      expect(lua).not.toContain('cjson.encode');
    });
  }
});
