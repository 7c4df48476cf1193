/** The dashboard in a real browser, on a fleet of separate processes: an operation's whole story by clicks. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintToken } from '@longshore/host';
import { freePort } from '@longshore/programs';
import { startCounterService } from '@longshore/sandbox';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingOf, realServer } from '../servers/real.ts';
import { type Fleet, startFleet } from '../support/fleet.ts';
import { launch, openPage, realChromium } from './browser.ts';

const redis = await realServer('redis', { own: true });
const chromium = await realChromium();
const absent = await missingOf([redis, chromium]);

/** Drawn out, so that each state can be seen. */
const STEP_MS = 1_000;

describe.skipIf(absent.length > 0)(`the dashboard in Chromium${absent.map((reason) => ` (${reason})`).join('')}`, () => {
  let dir: string;
  let fleet: Fleet;
  let browser: Browser;
  let url: string;

  beforeAll(async () => {
    if (!redis.there || !chromium.there) throw new Error(absent.join('; '));
    dir = await mkdtemp(join(tmpdir(), 'longshore-browser-'));
    const listen = `127.0.0.1:${await freePort()}`;
    url = `http://${listen}/`;
    fleet = await startFleet({ dir, redisUrl: redis.url, dumpers: 0, restorers: 0, migrators: 1, listen, sweepMs: 500 });
    browser = await launch(chromium.program);
  });
  afterAll(async () => {
    await browser?.close();
    await fleet?.stop();
    if (redis.there) await redis.stop();
    if (dir) await rm(dir, { recursive: true, force: true });
  });

  const inState = (page: Page, state: string): Promise<void> => page.locator(`[data-card=head] [data-state=${state}]`).waitFor();
  const ask = async (page: Page, action: string): Promise<void> => {
    await page.click(`[data-action=${action}]`);
    await page.locator('dialog[open] h2').waitFor();
  };
  const confirm = (page: Page): Promise<void> => page.click('dialog[open] button[type=submit]');

  test('submit, plan, start, approve, watch, pause, resume, report', async () => {
    await using source = await startCounterService({ fenced: true, counters: { hits: 100 } });
    await using sink = await startCounterService({ fenced: true });
    const { page, complaints, hosts } = await openPage(browser, url);
    expect(await page.locator('.empty').textContent()).toContain('Nothing has been submitted yet');

    await page.click('.empty a');
    await page.click('[data-kind="counter.move"]');
    await page.click('[data-card=form] button.solid');
    expect(await page.locator('[data-card=form] [role=alert]').textContent()).toContain('source is needed');
    await page.fill('[name=source]', source.url);
    await page.fill('[name=sink]', sink.url);
    await page.fill('[name=counters]', 'hits');
    await page.fill('[name=pauseMs]', `${STEP_MS} ms`);
    await page.fill('[name=reason]', 'decommission');
    await page.click('[data-card=form] button.solid');

    await inState(page, 'planned');
    expect(await page.locator('[data-card=plan]').textContent()).toContain('deny client writes at the source');
    expect(source.store.effectsOf('hits')).toEqual([]);
    await ask(page, 'start');
    await confirm(page);

    await inState(page, 'running');
    await ask(page, 'pause');
    expect(await page.locator('dialog[open]').textContent()).toContain('nothing new is begun');
    await confirm(page);
    await inState(page, 'paused');
    await ask(page, 'resume');
    await confirm(page);

    await inState(page, 'awaiting-approval');
    expect(await page.locator('[data-card=waits]').textContent()).toContain('waited for a person');
    await ask(page, 'approve');
    expect(await page.isDisabled('dialog[open] button[type=submit]')).toBe(true);
    await page.fill('dialog[open] [name=reason]', 'agreed with the team');
    await confirm(page);
    await page.locator('[data-guard]').waitFor();
    expect(await page.locator('[data-guard]').textContent()).toMatch(/\d+ (s|min) left of 1 min/);

    await inState(page, 'awaiting-approval');
    await ask(page, 'approve');
    await page.fill('dialog[open] [name=reason]', 'the clients are over');
    await confirm(page);
    await inState(page, 'succeeded');
    expect(sink.store.view('hits')).toMatchObject({ value: 100 });
    await page.locator('[data-stage=retire] [data-mark=done]').waitFor();
    await page.locator('[data-card=events] li', { hasText: 'succeeded' }).waitFor();

    const download = page.waitForEvent('download');
    await page.click('[data-card=report] button:has-text("CSV")');
    expect(await readFile(await (await download).path(), 'utf8')).toMatch(/^row,.*moved.*\r\nhits,/);

    await ask(page, 'revert');
    await page.locator('dialog[open] .revert li, dialog[open] .error-box').first().waitFor();
    await page.keyboard.press('Escape');
    await page.click('nav a[href="#/operations"]');
    await page.locator('tr[data-operation] [data-state=succeeded]').waitFor();
    expect(complaints).toEqual([]);
    expect([...hosts]).toEqual([new URL(url).host]);
    await page.context().close();
  });

  test('a bulk stage is a grid that a thousand units fill, and a narrow dark screen shows every page whole', async () => {
    const params = { tasks: 1_000, concurrency: 64, pauseMs: 1 };
    const { id } = await fleet.service.submit({ kind: 'counter.noop', params, owner: 'test' });
    const { page, complaints } = await openPage(browser, `${url}#/operations/${id}`, { width: 400, scheme: 'dark' });
    await page.locator('[data-cells="1000"]').waitFor();
    await inState(page, 'succeeded');
    await page.locator('[data-card=grid] .key', { hasText: 'done 1,000' }).waitFor();
    expect(await page.locator('[data-card=grid] .cell.v').count()).toBeGreaterThanOrEqual(1_000);
    for (const hash of [`#/operations/${id}`, '#/operations', '#/submit/tsdb.migrate', '#/fleet', '#/audit']) {
      await page.goto(`${url}${hash}`);
      await page.locator('main .card').first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), hash).toBe(true);
    }
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('who has a token gets in, and a viewer is offered nothing that changes anything', async () => {
    const { id } = await fleet.service.submit({
      kind: 'counter.noop',
      params: { tasks: 30, concurrency: 1, pauseMs: 100 },
      mode: 'plan',
      owner: 'test',
    });
    await fleet.finished(id, ({ state }) => state === 'planned');
    if (!redis.there) throw new Error(redis.reason);
    const closedDir = await mkdtemp(join(tmpdir(), 'longshore-tokens-'));
    const listen = `127.0.0.1:${await freePort()}`;
    const api = { auth: 'tokens' as const };
    await using closed = await startFleet({ dir: closedDir, redisUrl: redis.url, dumpers: 0, restorers: 0, schedulers: 0, listen, api });
    const { token, record } = mintToken({ name: 'eve', role: 'viewer', createdBy: 'test', createdAt: Date.now() });
    await closed.store.addToken(record);
    const { page, complaints } = await openPage(browser, `http://${listen}/#/operations/${id}`);
    await page.fill('[data-card=who] [name=token]', 'lsh_nobody_0');
    await page.click('[data-card=who] button.solid');
    await page.locator('[data-card=who] .error-box').waitFor();
    await page.fill('[data-card=who] [name=token]', token);
    await page.click('[data-card=who] button.solid');
    await inState(page, 'planned');
    expect(await page.locator('[data-card=head]').textContent()).toContain('as viewer you can look, not act');
    expect(await page.locator('[data-action]').count()).toBe(0);
    expect(await page.locator('nav a').allTextContents()).toEqual(['Operations', 'Fleet']);
    expect(await page.evaluate('document.cookie')).toBe('');
    // The same story, looked at: it runs, rests, goes on and ends before the viewer's eyes, and nothing is ever offered.
    for (const [action, state] of [
      ['start', 'running'],
      ['pause', 'paused'],
      ['resume', 'succeeded'],
    ] as const) {
      await fleet.service.act(id, action, 'test');
      await inState(page, state);
      expect(await page.locator('[data-action]').count(), state).toBe(0);
    }
    await page.locator('[data-card=report]').waitFor();
    await page.locator('[data-card=events] li', { hasText: 'pause asked by test' }).waitFor();
    await page.goto(`http://${listen}/#/submit/counter.noop`);
    await page.locator('main', { hasText: 'As viewer you can look at operations, not submit any' }).waitFor();
    expect(await page.locator('form').count()).toBe(0);
    // What the browser itself says of the two answers 401 before.
    expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
    await page.context().close();
    await rm(closedDir, { recursive: true, force: true });
  });

  test('by the keyboard alone, and in the colours that were chosen', async () => {
    const { page, complaints } = await openPage(browser, url, { scheme: 'light' });
    await page.locator('[data-card=operations]').waitFor();
    const background = (): Promise<string> => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await background();
    await page.focus('[data-theme-switch]');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
    expect(await background()).not.toBe(light);
    await page.reload();
    await page.locator('[data-card=operations]').waitFor();
    expect(await page.getAttribute('html', 'data-theme')).toBe('dark');
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement?.textContent')).toBe('To the content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement?.id')).toBe('main');
    expect(complaints).toEqual([]);
    await page.context().close();
  });
});
