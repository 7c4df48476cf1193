/** Recorded OpenIO cases: the stand-in answers as the real cluster did, and Longshore makes of them what it should. */
import { vectorSuite } from './harness.ts';
import { drive } from './openio-driven.ts';
import { judgeBalance, judgeChecks, judgeDistances, judgeEnd } from './openio-judged.ts';
import { replay } from './openio-replay.ts';
import { Balance, Checks, Distances, Scenario } from './openio-shapes.ts';

const has = (data: unknown, ...keys: string[]): boolean => typeof data === 'object' && data !== null && keys.some((key) => key in data);

vectorSuite('openio', {
  async run({ data }) {
    if (has(data, 'steps')) {
      const scenario = Scenario.parse(data);
      await replay(scenario);
      judgeEnd(scenario);
      return (await drive(scenario)) ? 'as the real cluster; the same move made by Longshore ends as it must' : 'as the real cluster';
    }
    if (has(data, 'checks', 'hash')) {
      judgeChecks(Checks.parse(data));
      return 'as the original';
    }
    if (has(data, 'target')) {
      judgeBalance(Balance.parse(data));
      return 'as derived';
    }
    judgeDistances(Distances.parse(data));
    return 'as derived';
  },
  noCase: ({ data }) => (has(data, 'format') && has(data, 'list') ? 'a description' : undefined),
});
