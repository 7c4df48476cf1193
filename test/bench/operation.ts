/** Runs one operation on a fleet and takes its measure: times from the operation's own record, CPU and memory from /proc. */
import type { OperationHeader } from '@longshore/core';
import type { Fleet } from '../support/fleet.ts';
import { CpuMeter, forgetPeak, peakRssMb } from './processes.ts';

export interface Submitted {
  kind: string;
  params: Record<string, unknown>;
  /** The stage that moves points. */
  stage: string;
  points: number;
  /** What must be reported as many times as there are points. */
  column: 'dumped' | 'restored' | 'verified';
  sinkPids?: readonly number[];
  sourcePids?: readonly number[];
}

export interface Measured {
  id: string;
  seconds: number;
  fixedSeconds: number;
  cpuSeconds: number;
  peakRssMb: number;
  sinkCpuSeconds: number;
  sourceCpuSeconds: number;
}

/** Without verification an operation may not call itself successful. */
const NOT_VERIFIED = 'LSH_TSDB_UNVERIFIED';

export async function measureOperation(fleet: Fleet, submitted: Submitted): Promise<Measured> {
  const pids = [...fleet.members.values()].map(({ child }) => child.pid!);
  await Promise.all(pids.map(forgetPeak));
  const meters = await Promise.all([pids, submitted.sinkPids ?? [], submitted.sourcePids ?? []].map((each) => CpuMeter.start(each)));
  const { id } = await fleet.service.submit({ kind: submitted.kind, params: submitted.params, owner: 'bench' });
  const header = await fleet.finished(id);
  await Promise.all(meters.map((meter) => meter.stop()));
  await assertWhole(fleet, header, submitted);

  const stage = header.stages.find(({ name }) => name === submitted.stage);
  const { startedAt, workEndedAt } = stage ?? {};
  if (startedAt === undefined || workEndedAt === undefined) throw new Error(`${id} has no times of its stage ${submitted.stage}`);
  const seconds = (workEndedAt - startedAt) / 1000;
  const [cpu, sinkCpu, sourceCpu] = meters.map((meter) => meter.between(startedAt, workEndedAt));
  return {
    id,
    seconds,
    fixedSeconds: (header.endedAt! - header.createdAt) / 1000 - seconds,
    cpuSeconds: cpu!,
    peakRssMb: Math.max(...(await Promise.all(pids.map(peakRssMb)))),
    sinkCpuSeconds: sinkCpu!,
    sourceCpuSeconds: sourceCpu!,
  };
}

/** Speed without the points is worth nothing. */
async function assertWhole(fleet: Fleet, header: OperationHeader, { points, column, kind }: Submitted): Promise<void> {
  const report = await fleet.service.report(header.id);
  const moved = report.totals[column] ?? 0;
  const well = header.state === 'succeeded' || header.error?.code === NOT_VERIFIED;
  if (well && moved === points) return;
  const notes = report.notes.map(({ text }) => text).join('; ');
  throw new Error(
    `${kind} ended ${header.state} (${header.error?.message ?? 'no error'}); ${moved} of ${points} points ${column}. ${notes}`,
  );
}
