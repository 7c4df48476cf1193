/**
 * The file in which an upgrade remembers which leaders it moved away, in the form of OpenMLDB's own tool: a line each,
 * `endpoint,db,table,tid,pid,extra`, the last empty unless a replica was added.
 */
export type StatLine = {
  endpoint: string;
  db: string;
  table: string;
  tid: number;
  pid: number;
  /** Endpoint of the replica that was added; empty: none was. */
  extra: string;
};

export function formatStatLine({ endpoint, db, table, tid, pid, extra }: StatLine): string {
  return `${endpoint},${db},${table},${tid},${pid},${extra}`;
}

const LINE = /^([^,]+),([^,]+),([^,]+),(\d+),(\d+),([^,]*)$/;

/** Undefined for what is no such line. */
export function parseStatLine(text: string): StatLine | undefined {
  const [, endpoint, db, table, tid, pid, extra] = LINE.exec(text.trim()) ?? [];
  if (endpoint === undefined || db === undefined || table === undefined) return undefined;
  return { endpoint, db, table, tid: Number(tid), pid: Number(pid), extra: extra ?? '' };
}
