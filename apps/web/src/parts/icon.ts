/** Signs that fonts may lack, drawn. */
import { type Content, html } from '../vendor/preact.js';

const PATHS = {
  shield: 'M8 1.2 14 3.4v4.3c0 3.4-2.4 6-6 7.2-3.6-1.2-6-3.8-6-7.2V3.4z',
  key: 'M5 6a3.2 3.2 0 1 0 2.6 5L9 9.6h1.6V8h1.6V6.4H15V4.6L14 3.6h-1.6L7.6 8.4A3.2 3.2 0 0 0 5 6zm-.4 2.6a1 1 0 1 1 0 2 1 1 0 0 1 0-2z',
  person: 'M8 1.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM2.5 14.5c0-3 2.4-5 5.5-5s5.5 2 5.5 5z',
} as const;

export function Icon({ name, label }: { name: keyof typeof PATHS; label?: string }): Content {
  return html`<svg class="icon" viewBox="0 0 16 16" width="13" height="13" role=${label ? 'img' : undefined} aria-label=${label} aria-hidden=${label ? undefined : 'true'}>
    <path d=${PATHS[name]} fill="currentColor" />
  </svg>`;
}
