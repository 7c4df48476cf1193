/** Points in a real OpenTSDB. */
import { setTimeout as wait } from 'node:timers/promises';

export interface PutPoint {
  metric: string;
  /** s, or ms where it has 13 digits. */
  timestamp: number;
  value: number | string;
  tags: Record<string, string>;
}

const AT_ONCE = 500;
const READABLE_MS = 60_000;

/** Stores them and waits until the last can be read: the server writes behind its answer. */
export async function loadPoints(url: string, points: readonly PutPoint[]): Promise<void> {
  for (let at = 0; at < points.length; at += AT_ONCE) {
    const reply = await fetch(`${url}/api/put?sync&details`, { method: 'POST', body: JSON.stringify(points.slice(at, at + AT_ONCE)) });
    if (!reply.ok) throw new Error(`the points were not put: ${await reply.text()}`);
  }
  const last = points.at(-1);
  if (last === undefined) return;
  const tags = Object.entries(last.tags).map(([key, value]) => `${key}=${value}`);
  const query = `start=${last.timestamp}&end=${last.timestamp + 1}&m=${encodeURIComponent(`none:${last.metric}{${tags.join(',')}}`)}`;
  for (const until = Date.now() + READABLE_MS; ; await wait(200)) {
    const text = await (await fetch(`${url}/api/query?${query}`)).text();
    if (text.includes('"dps":{"')) return;
    if (Date.now() > until) throw new Error(`the points cannot be read: ${text.slice(0, 300)}`);
  }
}
