/** A question that must be answered before anything happens. The browser keeps the focus inside and gives it back. */
import { type Content, html, useEffect, useRef, useState } from '../vendor/preact.js';
import { ErrorBox } from './small.ts';

export interface DialogProps {
  title: string;
  yes: string;
  danger?: boolean | undefined;
  /** It cannot be done now, though the question can be read. */
  blocked?: boolean | undefined;
  children?: Content;
  /** What it throws is shown, and the question stays. */
  act(): Promise<void>;
  close(): void;
}

export function Dialog({ title, yes, danger, blocked, children, act, close }: DialogProps): Content {
  const dialog = useRef<HTMLDialogElement | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLInputElement>('input[name=reason]')?.focus();
  }, []);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy || blocked) return;
    setBusy(true);
    setError(undefined);
    try {
      await act();
      close();
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)));
      setBusy(false);
    }
  };
  return html`<dialog ref=${dialog} onClose=${close} aria-labelledby="dialog-title">
    <form onSubmit=${submit}>
      <h2 id="dialog-title">${title}</h2>
      ${children}
      ${error ? html`<${ErrorBox} error=${error} />` : null}
      <div class="row end">
        <button type="button" onClick=${close}>Leave it</button>
        <button type="submit" class=${danger ? 'danger solid' : 'solid'} disabled=${busy || blocked === true}>${yes}</button>
      </div>
    </form>
  </dialog>`;
}
