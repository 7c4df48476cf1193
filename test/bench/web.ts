/**
 * The group `web`: the dashboard in a real Chromium. How soon something is painted, how soon an event is on the page, and whether an
 * operation of a thousand tasks moves without stutter.
 */
import { loadavg } from 'node:os';
import { freePort } from '@longshore/programs';
import type { Browser } from 'playwright-core';
import { launch, realChromium } from '../browser/browser.ts';
import { realServer } from '../servers/real.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { scratchFolder } from '../support/interrupted.ts';
import type { EngineMeasurement } from './engine.ts';
import { quantile } from './measurement.ts';

export const WEB_NAMES = ['web-paint', 'web-event', 'web-thousand'] as const;

export interface WebOptions {
  only: ReadonlySet<string>;
  tell(measurement: EngineMeasurement): void;
  say(line: string): void;
}

const LOOKS = 7;
const EVENTS = 20;
const TASKS = 1_000;

type Figures = Record<string, number>;

export async function runWeb({ only, tell, say }: WebOptions): Promise<void> {
  const redis = await realServer('redis', { own: true, appendfsync: 'everysec' });
  if (!redis.there) throw new Error(`the benchmark needs redis: ${redis.reason}`);
  await using _server = redis;
  const chromium = await realChromium();
  if (!chromium.there) throw new Error(`the benchmark needs a browser: ${chromium.reason}`);
  const scratch = await scratchFolder('longshore-bench-web-');
  const listen = `127.0.0.1:${await freePort()}`;
  const fleet = await startFleet({
    dir: scratch.path,
    redisUrl: redis.url,
    dumpers: 0,
    restorers: 0,
    migrators: 1,
    concurrency: 8,
    listen,
  });
  const browser = await launch(chromium.program);
  const url = `http://${listen}/`;
  const measure: Record<(typeof WEB_NAMES)[number], () => Promise<Figures>> = {
    'web-paint': () => paint(browser, url, fleet),
    'web-event': () => events(browser, url, fleet),
    'web-thousand': () => thousand(browser, url, fleet),
  };
  try {
    for (const name of WEB_NAMES) {
      if (!only.has(name)) continue;
      say(`${name} …`);
      const figures = await measure[name]();
      const versions = { node: process.versions.node, chromium: browser.version() };
      tell({ name, ...figures, load: Math.round(loadavg()[0]! * 100) / 100, versions, fsync: 'everysec' });
    }
  } finally {
    await browser.close();
    await fleet.stop();
    await scratch.remove();
  }
}

const submit = async (fleet: Fleet, params: object): Promise<string> =>
  (await fleet.service.submit({ kind: 'counter.noop', params, owner: 'bench' })).id;

/** With nothing in the browser's cache. */
async function paint(browser: Browser, url: string, fleet: Fleet): Promise<Figures> {
  const id = await submit(fleet, { tasks: 20, bulk: false });
  await fleet.finished(id);
  const found: Record<string, number[]> = { first: [], list: [], operation: [] };
  for (let look = 0; look < LOOKS; look += 1)
    for (const [name, hash, ready] of [
      ['list', '', '[data-card=operations] table'],
      ['operation', `#/operations/${id}`, '[data-card=stages]'],
    ] as const) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
      const page = await context.newPage();
      await page.goto(`${url}${hash}`);
      await page.locator(ready).first().waitFor();
      const [first, now] = await page.evaluate<[number, number]>(
        `[performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0, performance.now()]`,
      );
      found.first!.push(first);
      found[name]!.push(now);
      await context.close();
    }
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, values]) => [
      [`${name}P50Ms`, Math.round(quantile(values, 0.5))],
      [`${name}MaxMs`, Math.round(Math.max(...values))],
    ]),
  );
}

/** From when an event was written to when its line stands in the page. */
async function events(browser: Browser, url: string, fleet: Fleet): Promise<Figures> {
  const id = await submit(fleet, { tasks: 1_000, concurrency: 1, pauseMs: 600_000 });
  await fleet.finished(id, ({ state }) => state === 'running');
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(`${url}#/operations/${id}`);
  await page.locator('[data-card=events] li').first().waitFor();
  await page.evaluate(`{
    window.seen = [];
    const card = document.querySelector('[data-card=events]');
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes) for (const node of addedNodes) if (node.textContent?.includes('asked by bench')) seen.push(Date.now());
    }).observe(card, { childList: true, subtree: true });
  }`);
  const delays: number[] = [];
  for (let at = 0; at < EVENTS; at += 1) {
    await fleet.service.act(id, at % 2 === 0 ? 'pause' : 'resume', 'bench');
    // The page's own rules let no text be run as code, so that is waited for from outside.
    await page.locator('[data-card=events] li', { hasText: 'asked by bench' }).nth(at).waitFor();
    const written = (await fleet.store.events(id, undefined, 10_000, 0)).findLast(({ text }) => text.endsWith('asked by bench'))!.at;
    delays.push((await page.evaluate<number[]>('seen')).at(-1)! - written);
  }
  await fleet.service.act(id, 'cancel', 'bench');
  await context.close();
  return { events: delays.length, p50Ms: Math.round(quantile(delays, 0.5)), maxMs: Math.round(Math.max(...delays)) };
}

/** A thousand tasks with a record each, all of them drawn, while they run. */
async function thousand(browser: Browser, url: string, fleet: Fleet): Promise<Figures> {
  const id = await submit(fleet, { tasks: TASKS, bulk: false, concurrency: 16, pauseMs: 150 });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(`${url}#/operations/${id}`);
  await page.locator('[data-card=stages]').waitFor();
  await page.evaluate(`{
    window.gaps = [];
    window.long = [];
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) long.push(entry.duration); }).observe({ type: 'longtask' });
    let last = performance.now();
    const frame = (now) => { gaps.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
  }`);
  // CPU time of the page's main thread: other work on the machine is not in it.
  const session = await context.newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const cpu = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await session.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
  const before = await cpu();
  const begun = Date.now();
  await fleet.finished(id);
  await page.locator('[data-card=head] [data-state=succeeded]').waitFor();
  const after = await cpu();
  const seconds = (Date.now() - begun) / 1000;
  const spent = (name: string): number => Math.round(((after[name] ?? 0) - (before[name] ?? 0)) * 1000);
  const [gaps, long] = await page.evaluate<[number[], number[]]>('[gaps, long]');
  await context.close();
  return {
    tasks: TASKS,
    seconds: Math.round(seconds),
    mainThreadCpuMs: spent('TaskDuration'),
    scriptCpuMs: spent('ScriptDuration'),
    layoutCpuMs: spent('LayoutDuration'),
    styleCpuMs: spent('RecalcStyleDuration'),
    frames: gaps.length,
    framesPerSecond: Math.round((gaps.length * 1000) / gaps.reduce((sum, gap) => sum + gap, 0)),
    gapP99Ms: Math.round(quantile(gaps, 0.99)),
    worstGapMs: Math.round(Math.max(...gaps)),
    // Above 50 ms each: what a person may feel.
    longTasks: long.length,
    longestTaskMs: Math.round(Math.max(0, ...long)),
  };
}
