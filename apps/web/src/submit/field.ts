/** One param as an input. */
import { times } from '../format.ts';
import { type Content, html } from '../vendor/preact.js';
import { type Field, WIDE } from './schema.ts';
import { parseDuration, shown } from './values.ts';

export interface FormFieldProps {
  field: Field;
  value: string;
  problem: string | undefined;
  targets: { name: string; system: string }[];
  changed(text: string): void;
}

export function FormField({ field, value, problem, targets, changed }: FormFieldProps): Content {
  const { name, required } = field;
  const hint = hintOf(field, value);
  return html`<label class=${WIDE.has(field.shape) ? 'wide' : ''}>
    <span>${name || 'params'}${required ? html` <b aria-hidden="true">*</b>` : null}</span>
    ${input(field, value, problem !== undefined, targets, changed)}
    ${problem ? html`<small class="bad">✗ ${problem}</small>` : null}
    <small class="soft">${[described(field), hint].filter(Boolean).join('; ')}</small>
  </label>`;
}

/** Of times and lengths of time the unit is what the API takes, not what is typed here. */
function described({ schema: { description }, shape }: Field): string | undefined {
  if (shape === 'time') return description?.replace(/, ms$/, '').replace('first ms of', 'start of');
  return shape === 'duration' ? description?.replace(/, ms\b/, '') : description;
}

type Typed = { currentTarget: HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement };

function input(field: Field, value: string, wrong: boolean, targets: FormFieldProps['targets'], changed: (text: string) => void): Content {
  const { name, shape, required, preset, target, example } = field;
  const offered = targets.filter(({ system }) => typeof target === 'boolean' || system === target);
  const typed = (event: Typed): void => changed(event.currentTarget.value);
  const common = { name, required, 'aria-invalid': wrong, placeholder: preset || (example ?? '') };
  switch (shape) {
    case 'choice':
    case 'yes-no': {
      const choices = shape === 'choice' ? field.choices.map((one) => shown(one, shape)) : ['true', 'false'];
      const word = (choice: string): string => (shape === 'choice' ? choice : choice === 'true' ? 'yes' : 'no');
      return html`<select ...${common} value=${value || preset} onChange=${typed}>
        ${preset === '' ? html`<option value="">choose</option>` : null}
        ${choices.map((choice) => html`<option key=${choice} value=${choice} selected=${choice === (value || preset)}>${word(choice)}${choice === preset ? ' (default)' : ''}</option>`)}
      </select>`;
    }
    case 'list':
    case 'numbers':
    case 'map':
      return html`<textarea ...${common} rows="3" value=${value} onInput=${typed}></textarea>`;
    case 'json':
      return html`<textarea ...${common} rows="4" spellcheck="false" value=${value} onInput=${typed}></textarea>`;
    case 'time':
      return html`<input ...${common} type="datetime-local" step="1" value=${value} onInput=${typed} />`;
    case 'number':
      return html`<input ...${common} inputmode="numeric" value=${value} onInput=${typed} />`;
    default:
      return html`<input ...${common} autocomplete="off" spellcheck="false" value=${value} onInput=${typed} list=${target ? `targets-${name}` : undefined} />
        ${target ? html`<datalist id=${`targets-${name}`}>${offered.map((one) => html`<option key=${one.name} value=${one.name}>${one.system}</option>`)}</datalist>` : null}`;
  }
}

function hintOf({ shape, schema, name, target }: Field, value: string): string | undefined {
  if (shape === 'list') return typeof target === 'string' ? `${target}, one a line` : 'one a line';
  if (shape === 'numbers') return 'numbers, one a line';
  if (shape === 'map') return 'name = value, one a line';
  if (shape === 'json') return 'as JSON';
  if (shape === 'time') {
    const at = value === '' ? Number.NaN : Date.parse(`${value}Z`);
    return Number.isNaN(at) ? 'in UTC' : `in UTC; here that is ${times(at, 0).local}`;
  }
  if (shape === 'duration') {
    const ms = value === '' ? undefined : parseDuration(value);
    return ms === undefined ? 'such as 500 ms, 30 s, 5 min, 1 d' : `${ms.toLocaleString('en-US')} ms`;
  }
  if (shape !== 'number') return undefined;
  const { minimum, maximum } = schema;
  const limits = [
    minimum !== undefined && minimum > -1e15 ? `at least ${minimum}` : '',
    maximum !== undefined && maximum < 1e15 ? `at most ${maximum}` : '',
  ];
  return limits.filter(Boolean).join(', ') || `${name} is a number`;
}
