/** Pages by the part of the address behind `#`: the server needs to know none of them. */
import { useEffect, useState } from './vendor/preact.js';

export type Route =
  | { page: 'operations' }
  | { page: 'operation'; id: string }
  | { page: 'submit'; kind?: string }
  | { page: 'fleet' }
  | { page: 'audit' }
  | { page: 'unknown'; path: string };

export function routeOf(hash: string): Route {
  const path = hash.replace(/^#\/?/, '');
  const [first = '', second] = path.split('/').map(decodeURIComponent);
  switch (first) {
    case '':
      return { page: 'operations' };
    case 'operations':
      return second === undefined || second === '' ? { page: 'operations' } : { page: 'operation', id: second };
    case 'submit':
      return second === undefined || second === '' ? { page: 'submit' } : { page: 'submit', kind: second };
    case 'fleet':
    case 'audit':
      return { page: first };
    default:
      return { page: 'unknown', path };
  }
}

export function linkTo(...parts: string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

export function go(...parts: string[]): void {
  location.hash = linkTo(...parts);
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = (): void => setHash(location.hash);
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return routeOf(hash);
}
