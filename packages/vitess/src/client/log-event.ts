/** Lines of a command's log as Vitess prints them (`logutil`): a level's letter, time, place; what is for the console comes bare. */
import type { LogEvent } from './messages.ts';

const LETTERS: Readonly<Partial<Record<LogEvent['level'], string>>> = { INFO: 'I', WARNING: 'W', ERROR: 'E' };

/** `I1127 20:05:41.000123 reshard.go:17] text`, in UTC. One line break goes behind it, also where the text has one of its own. */
export function logLine({ time, level, file, line, value }: LogEvent): string {
  const letter = LETTERS[level];
  if (letter === undefined) return `${value}\n`;
  const at = new Date(Number(time?.seconds ?? 0) * 1_000);
  const two = (part: number): string => String(part).padStart(2, '0');
  const day = `${two(at.getUTCMonth() + 1)}${two(at.getUTCDate())}`;
  const micros = String(Math.floor((time?.nanoseconds ?? 0) / 1_000)).padStart(6, '0');
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}.${micros}`;
  return `${letter}${day} ${clock} ${file}:${line}] ${value}\n`;
}

/** A line of our own among them. */
export function ownLine(nowMs: number, value: string): string {
  const time = { seconds: String(Math.floor(nowMs / 1_000)), nanoseconds: (nowMs % 1_000) * 1_000_000 };
  return logLine({ time, level: 'INFO', file: 'longshore', line: '0', value });
}
