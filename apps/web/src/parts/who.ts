/** A person gives a token where the API asks for one, and a name where it does not. */
import { call, nameOfPerson } from '../api.ts';
import { type Content, html, useState } from '../vendor/preact.js';
import type { Me } from '../wire.ts';
import { ErrorBox } from './small.ts';

export function Who({ me, done }: { me: Me | undefined; done(): void }): Content {
  const open = me?.auth === 'none';
  const [text, setText] = useState(open ? nameOfPerson.get() : '');
  const [error, setError] = useState<Error | undefined>(undefined);
  const wrong = open && !/^[\w.@+-]{0,64}$/.test(text.trim());
  const attempt = async (what: () => Promise<unknown>): Promise<void> => {
    try {
      await what();
      setText('');
      setError(undefined);
      done();
    } catch (thrown) {
      setError(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  };
  const save = (event: Event): void => {
    event.preventDefault();
    void attempt(async () => (open ? nameOfPerson.set(text.trim()) : call('POST /v1/session', { body: { token: text.trim() } })));
  };
  return html`<form class="card wide" onSubmit=${save} data-card="who">
    <h2>${open ? 'Your name' : me ? `You are ${me.name}, ${me.role}` : 'Your token'}</h2>
    <p>
      ${
        open
          ? 'This fleet asks nobody for a token. The name goes into the record of what you do, and grants nothing.'
          : 'This fleet is opened with a token. It is sent once, to this address only; this browser then keeps a cookie that no script can read.'
      }
    </p>
    ${error ? html`<${ErrorBox} error=${error} />` : null}
    <div class="row bottom">
      <label class="grow"
        ><span>${open ? 'Name' : 'Token'}</span>
        <input
          name=${open ? 'name' : 'token'}
          type=${open ? 'text' : 'password'}
          autocomplete="off"
          value=${text}
          aria-invalid=${wrong}
          onInput=${(event: { currentTarget: HTMLInputElement }) => setText(event.currentTarget.value)}
        />
      </label>
      <button class="solid" disabled=${wrong || (!open && text.trim() === '')}>Use it</button>
      ${me && !open ? html`<button type="button" onClick=${() => attempt(() => call('DELETE /v1/session'))}>Sign out</button>` : null}
      ${me ? html`<button type="button" class="quiet" onClick=${done}>Leave it</button>` : null}
    </div>
    ${wrong ? html`<p class="bad">At most 64 letters, digits and . _ @ + - without spaces.</p>` : null}
  </form>`;
}
