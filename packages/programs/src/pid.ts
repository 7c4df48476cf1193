/** Whether a process is still the one that was written down: a pid alone may meanwhile be somebody else's. */
import { readFileSync } from 'node:fs';

export interface ProcessId {
  pid: number;
  /** Start time as the kernel tells it (proc(5), field 22); 0 where there is no /proc. */
  startTicks: number;
}

interface KernelView {
  state: string;
  startTicks: number;
}

function kernelView(pid: number): KernelView | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the name in parentheses, which may itself hold parentheses and blanks.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', startTicks: Number(fields[19] ?? 0) };
  } catch {
    return undefined; // no such process, or no /proc
  }
}

/** Of a process that runs now. */
export function processId(pid: number): ProcessId {
  return { pid, startTicks: kernelView(pid)?.startTicks ?? 0 };
}

/** False for a process that has ended, also when nobody has collected its exit code, and for a later one under the same pid. */
export function isAlive(id: ProcessId): boolean {
  if (id.startTicks > 0) {
    const view = kernelView(id.pid);
    return view !== undefined && view.state !== 'Z' && view.startTicks === id.startTicks;
  }
  try {
    process.kill(id.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
