/** What must hold after an operation has ended and every fault was healed. Each check gives sentences of what is wrong; none is good. */
import { readdir } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { OperationHeader, Report } from '@longshore/core';
import { askRedis, type RedisReply } from './raw-redis.ts';
import { type Content, contentOf } from './sink-content.ts';
import { FLEET, type World } from './world.ts';

export interface Verdict {
  problems: string[];
  content: Content;
  report: Report;
}

const QUEUES = ['dumper', 'restorer', 'dump.local', 'restore.local', 'advance'];
/** Late rings and superseded deliveries drain by themselves. */
const DRAIN_MS = 60_000;

export interface Tolerance {
  /** Doubled points are allowed where the report names them, metric by metric, and the operation ends with exit code 3. */
  namedDoubles: boolean;
}

export async function judge(world: World, header: OperationHeader, { namedDoubles }: Tolerance): Promise<Verdict> {
  const [content, report] = [await contentOf(world.sinkUrl, world.dataset), await world.fleet.service.report(header.id)];
  const problems = [...contentProblems(content, namedDoubles), ...reportProblems(header, report, content), ...(await leftovers(world))];
  return { problems, content, report };
}

export function contentProblems(content: Content, namedDoubles = false): string[] {
  const counts = { missing: content.missing, moved: content.moved, foreign: content.foreign, 'with a wrong value': content.wrongValue };
  const problems = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} points ${what}`] : []));
  if (!namedDoubles && content.doubled > 0) problems.push(`${content.doubled} points doubled`);
  if (content.found !== content.expected + content.doubled + content.moved + content.foreign - content.missing)
    problems.push(`${content.found} points found where ${content.expected} are expected`);
  return problems.length === 0 ? [] : [...problems, ...content.examples];
}

/** The report must say what is there, no more and no less. */
export function reportProblems(header: OperationHeader, report: Report, content: Content): string[] {
  const problems: string[] = [];
  const extra = Object.fromEntries(report.rows.flatMap(({ row, values }) => (values.extra ? [[row, values.extra]] : [])));
  const named = JSON.stringify(Object.entries(extra).sort());
  const there = JSON.stringify(Object.entries(content.extraByMetric).sort());
  if (named !== there) problems.push(`the report names as extra ${named}, there are ${there}`);
  for (const column of ['dumped', 'restored'])
    if (report.totals[column] !== content.expected)
      problems.push(`the report says ${report.totals[column]} ${column}, not ${content.expected}`);
  const seen = (report.totals.verified ?? 0) + (report.totals.missing ?? 0) + (report.totals.different ?? 0);
  if (seen !== content.expected)
    problems.push(`the report accounts for ${seen} points as verified, missing or different, not ${content.expected}`);
  if ((report.totals.missing ?? 0) !== content.missing)
    problems.push(`the report says ${report.totals.missing ?? 0} missing, there are ${content.missing}`);
  const whole = Object.keys(content.extraByMetric).length === 0 && content.missing === 0;
  if (whole && header.state !== 'succeeded')
    problems.push(`it is all there, but the operation ended as ${header.state}: ${header.error?.message}`);
  if (!whole && (header.state !== 'failed' || header.error?.exitCode !== 3))
    problems.push(`it is not all there once, but the operation ended as ${header.state} with ${header.error?.code ?? 'no error'}`);
  return problems;
}

/**
 * What an ended operation must not leave behind: folders, jobs, reservations, places at gates, leases. A lease that is kept quiet after a worker was
 * lost is nobody's: it has the time from which it is free behind its token.
 */
export async function leftovers(world: World): Promise<string[]> {
  const until = Date.now() + DRAIN_MS;
  for (;;) {
    const left = await leftNow(world);
    if (left.length === 0 || Date.now() > until) return left;
    await pause(200);
  }
}

async function leftNow(world: World): Promise<string[]> {
  const left = (await readdir(world.spoolPath)).map((name) => `${name} is left in the spool`);
  for (const queue of QUEUES) {
    const { waiting, active, delayed } = await world.fleet.transport.depth(queue);
    if (waiting + active + delayed > 0) left.push(`the queue ${queue} holds ${waiting} waiting, ${active} active, ${delayed} delayed jobs`);
  }
  const leases = list(await askRedis(world.redisUrl, 'HVALS', `{${FLEET}}:leases`)).filter((lease) => !lease.includes(' '));
  if (leases.length > 0) left.push(`${leases.length} leases are still held`);
  for (const kind of ['reservations:*', 'permits:*', 'live']) {
    for (const key of list(await askRedis(world.redisUrl, 'KEYS', `{${FLEET}}:${kind}`))) left.push(`${key} is left in Redis`);
  }
  return left;
}

const list = (reply: RedisReply): string[] => (Array.isArray(reply) ? reply.map(String) : []);
