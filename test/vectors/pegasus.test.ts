/** Recorded cases of the original table migrator: bytes of its codec, bytes of its runs, and whole runs with what ours must do instead. */
import { afterAll } from 'vitest';
import { realServer } from '../servers/real.ts';
import { vectorSuite } from './harness.ts';
import { holdScenario, ScenarioFile } from './pegasus-scenario.ts';
import { CaptureFile, CodecFile, holdCapture, holdCodec } from './pegasus-wire.ts';

const zookeeper = await realServer('zookeeper', { own: true });
let scenarios = 0;

afterAll(async () => {
  if (zookeeper.there) await zookeeper.stop();
});

vectorSuite('pegasus', {
  cannotRun: ({ data }) => (zookeeper.there || !ScenarioFile.safeParse(data).success ? undefined : zookeeper.reason),
  async run({ data }) {
    const codec = CodecFile.safeParse(data);
    if (codec.success) {
      holdCodec(codec.data);
      return `bytes of the original's codec, ${codec.data.vectors.length} exchanges`;
    }
    const capture = CaptureFile.safeParse(data);
    if (capture.success) {
      holdCapture(capture.data);
      return `bytes of the original's runs, ${capture.data.pairs.length} exchanges`;
    }
    const scenario = ScenarioFile.parse(data);
    if (!zookeeper.there) throw new Error(zookeeper.reason);
    scenarios += 1;
    await holdScenario(scenario, zookeeper.url, `/scenario-${scenarios}`);
    return `better: ${scenario.better.outcome}, ${scenario.better.why}`;
  },
});
