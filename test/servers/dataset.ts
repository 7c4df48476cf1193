/** The data set in an OpenTSDB: loaded and verified once, then kept with the server's data. */
import { existsSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Dataset, load, readSeries, verify } from '../dataset/index.ts';

const PROGRESS_EVERY_POINTS = 250_000;

/** The last hour of every metric, counted: tells in a moment that data marked as loaded have gone. */
async function lastHourIsThere(url: string, dataset: Dataset): Promise<boolean> {
  for (const metric of dataset.metrics) {
    const found = await readSeries(url, metric, dataset.stopMs - 3_600_000, dataset.stopMs);
    const wanted = dataset.series().filter((series) => series.metric === metric).length * 60;
    if (found.reduce((sum, series) => sum + series.points.length, 0) !== wanted) return false;
  }
  return true;
}

async function isWhole(url: string, dataset: Dataset): Promise<boolean> {
  const [first = ''] = dataset.metrics;
  // An unknown metric is answered by 400; asked for as a suggestion, it is no error.
  const known = await fetch(`${url}/api/suggest?type=metrics&max=10000&q=${first}`);
  if (!(await known.text()).includes(`"${first}"`)) return false;
  const { missing, extra, different } = await verify(url, dataset);
  return missing + extra + different === 0;
}

async function loadAndVerify(url: string, dataset: Dataset, say: (line: string) => void): Promise<void> {
  say(`loading ${dataset.points.toLocaleString('en')} points into OpenTSDB at ${url}, once; this takes about a minute`);
  let said = 0;
  const loaded = await load(url, dataset, {
    progress: (points) => {
      if (points - said < PROGRESS_EVERY_POINTS) return;
      said = points;
      say(`${points.toLocaleString('en')} points loaded`);
    },
  });
  const { missing, extra, different, examples, seconds } = await verify(url, dataset);
  if (missing + extra + different > 0) {
    throw new Error(
      `OpenTSDB does not give back what was loaded: ${missing} points missing, ${extra} too many, ${different} different (${examples.join('; ')})`,
    );
  }
  say(`loaded in ${loaded.seconds.toFixed(1)} s, read back and compared in ${seconds.toFixed(1)} s`);
}

/**
 * Makes sure that all of `dataset` is in the OpenTSDB at `url`, and nothing else under its metrics. With `dir`, the data directory of
 * that server, a marker there saves the reading back the next time.
 */
export async function ensureDataset(url: string, dataset: Dataset, options: { dir?: string; say: (line: string) => void }): Promise<void> {
  const marker = options.dir === undefined ? undefined : join(options.dir, `${dataset.name}.loaded.json`);
  if (marker !== undefined && existsSync(marker) && (await lastHourIsThere(url, dataset))) return;
  if (!(await isWhole(url, dataset))) await loadAndVerify(url, dataset, options.say);
  if (marker === undefined) return;
  await writeFile(`${marker}.new`, JSON.stringify({ dataset: dataset.name, points: dataset.points, verifiedAt: new Date().toISOString() }));
  await rename(`${marker}.new`, marker);
}
