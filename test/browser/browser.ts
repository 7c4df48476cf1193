/** A real Chromium for a test, or the reason why there is none; what a page says and asks for is watched. */
import { findChromium, type Program, ProgramMissing } from '@longshore/programs';
import { type Browser, chromium, type Page } from 'playwright-core';

const say = (line: string): void => void process.stderr.write(`[browser] ${line}\n`);

/** LONGSHORE_REQUIRE_REAL=1 makes a missing one an error. */
export async function realChromium(): Promise<{ there: true; program: Program } | { there: false; reason: string }> {
  try {
    const program = await findChromium({ say });
    say(`chromium ${program.version} (${program.origin})`);
    return { there: true, program };
  } catch (error) {
    if (!ProgramMissing.is(error) || process.env.LONGSHORE_REQUIRE_REAL === '1') throw error;
    say(`SKIPPING tests that need a browser: ${error.message}`);
    return { there: false, reason: error.message };
  }
}

/** Root has no sandbox of its own to put it in; a container's /dev/shm is small. */
const FLAGS = ['--no-sandbox', '--disable-dev-shm-usage'];

export function launch({ path, env }: Program): Promise<Browser> {
  return chromium.launch({ executablePath: path, args: FLAGS, env: { ...process.env, ...env } as Record<string, string> });
}

export interface Watched {
  page: Page;
  /** What the console said that is no mere information, and what was thrown. */
  complaints: string[];
  /** Hosts that anything was asked of. */
  hosts: Set<string>;
}

export async function openPage(browser: Browser, url: string, look: { width?: number; scheme?: 'light' | 'dark' } = {}): Promise<Watched> {
  const context = await browser.newContext({
    viewport: { width: look.width ?? 1280, height: 900 },
    colorScheme: look.scheme ?? 'light',
    timezoneId: 'Europe/Berlin',
  });
  // On a machine that is busy with other things all is there, only later.
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  const complaints: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith('http')) hosts.add(host);
  });
  await page.goto(url);
  return { page, complaints, hosts };
}
