/** Who looks: asked of the API; one that asks nobody for a token lets everybody do everything. */
import { ApiError, call, nameOfPerson } from './api.ts';
import { useEffect, useState } from './vendor/preact.js';
import type { Me } from './wire.ts';

export type Session = { state: 'asking' } | { state: 'in'; me: Me } | { state: 'token' } | { state: 'away'; error: Error };

async function whoAmI(): Promise<Session> {
  try {
    const me = await call('GET /v1/me');
    return { state: 'in', me: me.auth === 'none' ? { ...me, name: nameOfPerson.get() } : me };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return error.status === 401 ? { state: 'token' } : { state: 'away', error };
  }
}

const RETRY_MS = 2_000;

/** `again` asks anew, after a token or a name was given. */
export function useSession(): { session: Session; again(): void } {
  const [session, setSession] = useState<Session>({ state: 'asking' });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    void whoAmI().then((found) => {
      if (gone) return;
      setSession(found);
      if (found.state === 'away') timer = setTimeout(() => setRound((before) => before + 1), RETRY_MS);
    });
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [round]);
  return { session, again: () => setRound((before) => before + 1) };
}
