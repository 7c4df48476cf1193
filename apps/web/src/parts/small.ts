/** Small parts that every page uses. Each state has a sign and a word besides its colour. */
import { ApiError } from '../api.ts';
import { duration, sentence, times } from '../format.ts';
import { useNow } from '../poll.ts';
import { type Content, html } from '../vendor/preact.js';
import type { OperationHeader, OperationState } from '../wire.ts';

interface Look {
  sign: string;
  tone: 'idle' | 'busy' | 'wait' | 'ok' | 'bad';
  word: string;
}

const LOOKS: Readonly<Record<OperationState, Look>> = {
  submitted: { sign: '○', tone: 'busy', word: 'being planned' },
  planned: { sign: '◇', tone: 'wait', word: 'planned' },
  discarded: { sign: '–', tone: 'idle', word: 'discarded' },
  'awaiting-approval': { sign: '?', tone: 'wait', word: 'waits for approval' },
  running: { sign: '▶', tone: 'busy', word: 'running' },
  paused: { sign: '‖', tone: 'wait', word: 'paused' },
  succeeded: { sign: '✓', tone: 'ok', word: 'succeeded' },
  failed: { sign: '✗', tone: 'bad', word: 'failed' },
  cancelled: { sign: '■', tone: 'idle', word: 'cancelled' },
  reverting: { sign: '↶', tone: 'busy', word: 'reverting' },
  reverted: { sign: '↶', tone: 'ok', word: 'reverted' },
  'needs-attention': { sign: '!', tone: 'bad', word: 'needs attention' },
};

/** How it looks at: what a person is to see first. */
export function stateTone(state: OperationState): Look['tone'] {
  return LOOKS[state].tone;
}

export function stateSign(state: OperationState): Pick<Look, 'sign' | 'tone'> {
  return LOOKS[state];
}

export function isState(text: string): text is OperationState {
  return Object.hasOwn(LOOKS, text);
}

export function stateWord(state: OperationState): string {
  return LOOKS[state].word;
}

/** What it is, and what it is on its way to. */
export function StateChip({ header }: { header: Pick<OperationHeader, 'state' | 'intent' | 'ending'> }): Content {
  const { sign, tone, word } = LOOKS[header.state];
  const going = header.state === 'running' ? goingTo(header) : undefined;
  return html`<span class="chip ${going ? 'wait' : tone}" data-state=${header.state}><i aria-hidden="true">${sign}</i> ${going ?? word}</span>`;
}

function goingTo({ intent, ending }: Pick<OperationHeader, 'intent' | 'ending'>): string | undefined {
  if (intent === 'cancel' || ending === 'cancelled') return 'being cancelled';
  if (ending === 'failed') return 'failed, putting away';
  if (intent === 'pause') return 'being paused';
  if (intent === 'drain') return 'being drained';
  return undefined;
}

/** What stands between backticks is typed. */
export function withCode(text: string): Content {
  return text.split('`').map((part, at) => (at % 2 === 1 ? html`<code class="typed" key=${at}>${part}</code>` : part));
}

/** A time here, with UTC beside it. */
export function When({ at }: { at: number }): Content {
  const { local, utc, full, same } = times(at);
  return html`<time dateTime=${new Date(at).toISOString()} title=${full}>
    ${local}${same ? html` <small>UTC</small>` : html` <small>${utc} UTC</small>`}
  </time>`;
}

/** How long ago, ticking. */
export function Since({ at }: { at: number }): Content {
  const now = useNow();
  return html`<span title=${times(at).full}>${duration(now - at)}</span>`;
}

export function ErrorBox({ error, title }: { error: Error; title?: string }): Content {
  const { fix, code } = error instanceof ApiError ? error : { fix: undefined, code: undefined };
  return html`<div class="error-box" role="alert">
    <p><i class="sign" aria-hidden="true">✗</i> ${title ? html`<b>${title}</b>${' '}` : null}${sentence(error.message)}</p>
    ${fix ? html`<p class="soft">${withCode(fix)}</p>` : null}
    ${code ? html`<p><code class="soft">${code}</code></p>` : null}
  </div>`;
}

/** Said while the API is silent; what is shown is then as old as that. */
export function Silence({ since, error }: { since: number | undefined; error: Error | undefined }): Content {
  const now = useNow();
  if (since === undefined || now - since < SILENCE_MS) return null;
  return html`<p class="banner" role="status"><i class="sign" aria-hidden="true">!</i> No answer for ${duration(now - since)}: ${error?.message ?? ''}. What is shown is as old as that.</p>`;
}

const SILENCE_MS = 2_000;

export function Card({ title, children, wide, aside, name }: CardProps): Content {
  return html`<section class="card ${wide ? 'wide' : ''}" data-card=${name ?? title}>
    <div class="card-head"><h2>${title}</h2>${aside ?? null}</div>
    ${children}
  </section>`;
}

export interface CardProps {
  title: string;
  children?: Content;
  wide?: boolean;
  aside?: Content;
  /** For tests and links; default the title. */
  name?: string;
}

/** A bar of parts, each a share of the whole, with the same in words for those who do not see it. */
export function Bar({ parts, label }: { parts: { share: number; tone: string }[]; label: string }): Content {
  return html`<div class="bar" role="img" aria-label=${label} title=${label}>
    ${parts.map(({ share, tone }) => (share > 0 ? html`<i class=${tone} style=${{ width: `${(share * 100).toFixed(2)}%` }}></i>` : null))}
  </div>`;
}
