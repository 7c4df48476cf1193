/** The buttons of an operation. Each asks first, in words; what must be chosen or said is part of the question. */
import { call } from '../api.ts';
import { askedFor } from '../asked.ts';
import { type Action, actionsOf, mayAct } from '../may.ts';
import { Dialog } from '../parts/dialog.ts';
import { ErrorBox } from '../parts/small.ts';
import { type Content, html, useEffect, useState } from '../vendor/preact.js';
import type { Me, OperationView, RevertStep, StoredPlan } from '../wire.ts';

interface ActionsProps {
  view: OperationView;
  plan: StoredPlan | undefined;
  me: Me;
  /** Called after something was done. */
  changed(): void;
}

export function Actions({ view, plan, me, changed }: ActionsProps): Content {
  const [asking, setAsking] = useState<Action | undefined>(undefined);
  const all = actionsOf(view.header, view.guards);
  const allowed = all.filter((action) => mayAct(me.role, action));
  const of = { ...view.header, guarded: view.guards.some(({ state }) => state === 'open') };
  return html`
    <div class="row actions" role="group" aria-label="What can be asked of it">
      ${allowed.map((action, at) => {
        const { label, danger } = askedFor(action, of);
        const look = danger ? 'danger' : at === 0 ? 'solid' : '';
        return html`<button key=${action} class=${look} data-action=${action} onClick=${() => setAsking(action)}>${label}…</button>`;
      })}
      ${all.length > allowed.length && allowed.length === 0 ? html`<span class="soft">as ${me.role} you can look, not act</span>` : null}
    </div>
    ${asking ? html`<${Question} key=${asking} action=${asking} view=${view} plan=${plan} changed=${changed} close=${() => setAsking(undefined)} />` : null}
  `;
}

interface QuestionProps extends Omit<ActionsProps, 'me'> {
  action: Action;
  close(): void;
}

function Question({ action, view, plan, changed, close }: QuestionProps): Content {
  const { header, guards } = view;
  const asked = askedFor(action, { ...header, guarded: guards.some(({ state }) => state === 'open') });
  const waiting = header.awaits?.stages ?? [];
  const [reason, setReason] = useState('');
  const [minutes, setMinutes] = useState('');
  const [stages, setStages] = useState<readonly string[]>(waiting);
  const [steps, setSteps] = useState<RevertStep[] | undefined>(undefined);
  const blocked =
    (asked.reason === true && reason.trim() === '') ||
    (action === 'approve' && stages.length === 0) ||
    (action === 'revert' && !steps?.some(({ none }) => none === undefined));
  const act = async (): Promise<void> => {
    const of = { params: { id: header.id } };
    switch (action) {
      case 'approve':
        await call('POST /v1/operations/:id/approve', { ...of, body: { reason: reason.trim(), stages: [...stages] } });
        break;
      case 'take-over':
        await call('POST /v1/operations/:id/take-over', { ...of, body: { reason: reason.trim() } });
        break;
      case 'start':
      case 'replan':
        await call('POST /v1/operations/:id/start', { ...of, body: action === 'replan' ? { replan: true } : {} });
        break;
      case 'drain':
        await call('POST /v1/operations/:id/drain', {
          ...of,
          body: minutes === '' ? {} : { withinMs: Math.round(Number(minutes) * 60_000) },
        });
        break;
      default:
        await call(`POST /v1/operations/:id/${action === 'discard' ? 'cancel' : action}`, of);
    }
    changed();
  };
  const toggle = (name: string): void => setStages(stages.includes(name) ? stages.filter((one) => one !== name) : [...stages, name]);
  return html`<${Dialog} title=${asked.title} yes=${asked.yes} danger=${asked.danger} blocked=${blocked} act=${act} close=${close}>
    ${asked.words.map((text) => html`<p>${text}</p>`)}
    ${
      action === 'approve'
        ? waiting.map(
            (name) => html`<label class="check" key=${name}
            ><input type="checkbox" checked=${stages.includes(name)} onChange=${() => toggle(name)} />
            <span><b>${name}</b>: ${plan?.stages.find((one) => one.name === name)?.approval ?? name}</span></label
          >`,
          )
        : null
    }
    ${
      action === 'take-over'
        ? html`<ul>${guards.filter(({ state }) => state === 'open').map(({ what, target, key }) => html`<li key=${key}>${what}, on ${target}</li>`)}</ul>`
        : null
    }
    ${action === 'revert' ? html`<${RevertSteps} id=${header.id} steps=${steps} found=${setSteps} />` : null}
    ${
      action === 'drain'
        ? html`<label><span>Time limit in minutes, may stay empty</span>
          <input type="number" min="0.1" step="any" value=${minutes} onInput=${(event: { currentTarget: HTMLInputElement }) => setMinutes(event.currentTarget.value)} />
        </label>`
        : null
    }
    ${
      asked.reason
        ? html`<label><span>Reason, for the record</span>
          <input name="reason" required maxlength="500" value=${reason} onInput=${(event: { currentTarget: HTMLInputElement }) => setReason(event.currentTarget.value)} />
        </label>`
        : null
    }
  </${Dialog}>`;
}

function RevertSteps({ id, steps, found }: { id: string; steps: RevertStep[] | undefined; found(steps: RevertStep[]): void }): Content {
  const [error, setError] = useState<Error | undefined>(undefined);
  useEffect(() => {
    call('GET /v1/operations/:id/revert', { params: { id } }).then(
      (plan) => found(plan.steps),
      (thrown: unknown) => setError(thrown instanceof Error ? thrown : new Error(String(thrown))),
    );
  }, [id]);
  if (error) return html`<${ErrorBox} error=${error} />`;
  if (!steps) return html`<p class="soft">The way back is being looked up …</p>`;
  if (steps.length === 0) return html`<p><b>It has done nothing that could be taken back.</b></p>`;
  return html`<ol class="revert">
    ${steps.map(
      ({ task, changed, none, guards = [] }) => html`<li key=${task}>
        <i class=${`sign ${none === undefined ? 'busy' : 'idle'}`} aria-hidden="true">${none === undefined ? '↶' : '–'}</i>
        <span><b>${task}</b> ${none === undefined ? 'is undone' : html`<span class="soft">stays: ${none}</span>`}
          ${changed.map((what) => html`<small class="soft">${what}</small>`)}
          ${guards.map(({ what, maxMs }) => html`<small>meanwhile ${what}, at most ${maxMs / 1000} s</small>`)}</span>
      </li>`,
    )}
  </ol>`;
}
