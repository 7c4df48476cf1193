/** Choose a kind, fill in its params, see its plan. Nothing is changed until the plan is started on the operation's own page. */
import { call } from '../api.ts';
import { capital } from '../format.ts';
import { maySubmit } from '../may.ts';
import { ErrorBox } from '../parts/small.ts';
import { usePoll } from '../poll.ts';
import { go, linkTo } from '../route.ts';
import { type Content, html, useMemo, useState } from '../vendor/preact.js';
import type { KindInfo, Me, TargetInfo } from '../wire.ts';
import { FormField } from './field.ts';
import { fieldsOf, type JsonSchema, paramsOf } from './schema.ts';
import { parseDuration } from './values.ts';

export function SubmitPage({ kind: name, me }: { kind: string | undefined; me: Me }): Content {
  const { value: kinds, error } = usePoll(async (signal) => (await call('GET /v1/kinds', {}, { signal })).kinds, undefined, []);
  const targets = usePoll(async (signal) => (await call('GET /v1/targets', {}, { signal })).targets, undefined, []).value;
  if (!maySubmit(me.role))
    return html`<section class="card wide"><h1>Submit</h1><p>As ${me.role} you can look at operations, not submit any.</p></section>`;
  if (error && !kinds) return html`<${ErrorBox} error=${error} />`;
  if (!kinds) return html`<p class="loading">Kinds …</p>`;
  const kind = kinds.find((one) => one.name === name);
  return html`<div class="cards">
    <section class="card wide" data-card="kinds">
      <h1>Submit an operation</h1>
      <p class="soft">1. What is to be done. 2. With what. 3. Its plan: the targets are read, nothing is changed. 4. You start it, or throw it away.</p>
      <details open=${kind === undefined}>
        <summary>${kind ? html`<b>${kind.name}</b> is chosen; choose another` : 'What is to be done'}</summary>
        ${systemsOf(kinds).map(
          ([system, its]) => html`<h3 key=${system} class="kinds-head">${system}</h3>
            <div class="kinds" role="list">
              ${its.map(
                (
                  one,
                ) => html`<a key=${one.name} role="listitem" class="kind" href=${linkTo('submit', one.name)} aria-current=${one === kind ? 'true' : undefined} data-kind=${one.name}>
                  <b>${one.name.slice(system.length + 1)}</b><span class="soft">${titleIn(system, one.title)}</span>
                </a>`,
              )}
            </div>`,
        )}
      </details>
      ${name !== undefined && !kind ? html`<p class="bad">✗ This fleet knows no kind “${name}”.</p>` : null}
    </section>
    ${kind ? html`<${KindForm} key=${kind.name} kind=${kind} targets=${targets ?? []} />` : null}
  </div>`;
}

/** Under the name of its system a title need not begin with it. */
function titleIn(system: string, title: string): string {
  const [first = '', rest] = title.split(/: (.+)/);
  return rest && first.toLowerCase() === system ? capital(rest) : title;
}

/** Kinds by the system they are for, in the order the fleet tells them. */
function systemsOf(kinds: readonly KindInfo[]): [system: string, kinds: KindInfo[]][] {
  return [...Map.groupBy(kinds, ({ name }) => name.split('.')[0] ?? name)];
}

const POLICIES = [
  ['none', 'nobody is asked'],
  ['cutover', 'dangerous stages ask'],
  ['every-stage', 'every stage asks'],
] as const;

function KindForm({ kind, targets }: { kind: KindInfo; targets: TargetInfo[] }): Content {
  const fields = useMemo(() => fieldsOf(kind.params as JsonSchema), [kind]);
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [reason, setReason] = useState('');
  const [approvals, setApprovals] = useState<(typeof POLICIES)[number][0]>('cutover');
  const [deadline, setDeadline] = useState('');
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);
  // The same form sent twice is one operation.
  const key = useMemo(() => crypto.randomUUID(), [JSON.stringify([typed, reason, approvals, deadline])]);
  const { params, problems = {} } = paramsOf(fields, typed);
  const deadlineMs = deadline.trim() === '' ? undefined : parseDuration(deadline);
  const lateWrong = deadline.trim() !== '' && !deadlineMs;
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setTried(true);
    if (!params || lateWrong || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      const body = {
        kind: kind.name,
        params,
        mode: 'plan' as const,
        approvals,
        ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
        ...(deadlineMs === undefined ? {} : { deadlineMs }),
      };
      const { id } = await call('POST /v1/operations', { body, headers: { 'idempotency-key': key } });
      go('operations', id);
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)));
      setBusy(false);
    }
  };
  const needed = fields.filter(({ required }) => required);
  const others = fields.filter(({ required }) => !required);
  const draw = (field: (typeof fields)[number]): Content =>
    html`<${FormField}
      key=${field.name}
      field=${field}
      value=${typed[field.name] ?? ''}
      problem=${tried ? problems[field.name] : undefined}
      targets=${targets}
      changed=${(text: string) => setTyped((before) => ({ ...before, [field.name]: text }))}
    />`;
  return html`<form class="card wide" onSubmit=${submit} noValidate data-card="form">
    <h2>${kind.name}</h2>
    <p>${kind.title}</p>
    <div class="fields">${needed.map(draw)}</div>
    <details open=${others.length < 4}>
      <summary>${others.length === 0 ? 'It has no further settings' : `Further settings (${others.length}), all with a default`}</summary>
      <div class="fields">${others.map(draw)}</div>
    </details>
    <div class="fields">
      <label><span>Reason</span><input name="reason" maxlength="500" value=${reason} onInput=${(event: { currentTarget: HTMLInputElement }) => setReason(event.currentTarget.value)} /><small class="soft">for whoever looks at it later</small></label>
      <label><span>Approvals</span>
        <select name="approvals" value=${approvals} onChange=${(event: { currentTarget: HTMLSelectElement }) => setApprovals(event.currentTarget.value as (typeof POLICIES)[number][0])}>
          ${POLICIES.map(([policy, words]) => html`<option key=${policy} value=${policy} selected=${policy === approvals}>${policy}: ${words}</option>`)}
        </select>
      </label>
      <label><span>Deadline</span><input name="deadline" placeholder="none" value=${deadline} aria-invalid=${tried && lateWrong} onInput=${(event: { currentTarget: HTMLInputElement }) => setDeadline(event.currentTarget.value)} />
        <small class=${tried && lateWrong ? 'bad' : 'soft'}>${tried && lateWrong ? '✗ a length of time such as 2 h or 1 d' : 'it fails when it has not ended so long after now: 2 h, 1 d'}</small></label>
    </div>
    ${
      tried && !params
        ? html`<p class="bad" role="alert">✗ ${Object.entries(problems)
            .map(([field, problem]) => `${field || 'params'} ${problem}`)
            .join('; ')}</p>`
        : null
    }
    ${error ? html`<${ErrorBox} error=${error} />` : null}
    <div class="row"><button class="solid" disabled=${busy}>${busy ? 'Being submitted …' : 'Make the plan'}</button><span class="soft">Nothing is changed by this.</span></div>
  </form>`;
}
