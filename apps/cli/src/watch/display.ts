/** How a watched operation is shown: drawn over on a terminal, lines elsewhere, JSON objects for programs. */
import type { OperationEvent } from '@longshore/core';
import type { Terminal } from '../terminal.ts';
import { clockTime, plainStyle, renderLine } from '../text.ts';
import { frame, statusLine } from './frame.ts';
import type { Picture } from './picture.ts';

export interface Display {
  event(event: OperationEvent): void;
  picture(picture: Picture): void;
  /** A line for people that must stay. */
  say(line: string): void;
  /** Leaves the screen as it should stay. */
  end(): void;
}

export function displayFor(terminal: Terminal, json: boolean): Display {
  if (json) return jsonDisplay(terminal);
  return terminal.err.live ? liveDisplay(terminal) : lineDisplay(terminal);
}

function liveDisplay(terminal: Terminal): Display {
  const { err } = terminal;
  let drawn = 0;
  let last: Picture | undefined;
  const wipe = (): string => (drawn > 0 ? `\u001b[${drawn}A\r\u001b[J` : '');
  const draw = (): void => {
    if (!last) return;
    const lines = frame(last)
      .slice(0, Math.max(3, err.rows() - 1))
      .map((line) => renderLine(line, err.columns() - 1, err.style));
    err.write(`${wipe()}${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  return {
    event: () => undefined,
    picture(picture) {
      last = picture;
      draw();
    },
    say(line) {
      err.write(`${wipe()}${line}\n`);
      drawn = 0;
      draw();
    },
    end() {
      if (last) {
        const { hint: _gone, ...rest } = last;
        last = rest;
        draw();
      }
      drawn = 0;
    },
  };
}

/** A line this often while nothing else happens. */
const QUIET_MS = 5_000;
/** `05:22:10 ` in front of a line is no news. */
const TIME_CHARS = 9;

function lineDisplay(terminal: Terminal): Display {
  let saidAt: number | undefined;
  let said = '';
  let last: Picture | undefined;
  const tell = (picture: Picture): void => {
    const line = statusLine(picture);
    if (line.slice(TIME_CHARS) === said) return;
    said = line.slice(TIME_CHARS);
    saidAt = picture.now;
    terminal.say(line);
  };
  return {
    event: ({ at, text }) => terminal.say(renderLine([`${clockTime(at)} ${text}`], Number.POSITIVE_INFINITY, plainStyle)),
    picture(picture) {
      last = picture;
      // The events of the first moments say enough.
      saidAt ??= picture.now;
      if (picture.now - saidAt >= QUIET_MS) tell(picture);
    },
    say: (line) => terminal.say(line),
    end() {
      if (last) tell(last);
    },
  };
}

/** A program that asked for JSON gets numbers this often. */
const JSON_MS = 1_000;

function jsonDisplay(terminal: Terminal): Display {
  let saidAt = 0;
  return {
    event: (event) => terminal.json({ type: 'event', event }),
    picture({ header, numbers, speeds, now }) {
      if (now - saidAt < JSON_MS) return;
      saidAt = now;
      const { id, state, intent, stage, stages, counters } = header;
      terminal.json({
        type: 'progress',
        at: now,
        id,
        state,
        ...(intent ? { intent } : {}),
        stage,
        stages,
        counters,
        ...numbers,
        ...speeds,
      });
    },
    say: (line) => terminal.say(line),
    end: () => undefined,
  };
}
