/** The frame around every page: where one is, who one is, light or dark. */
import { AuditPage } from './audit-page.ts';
import { FleetPage } from './fleet-page.ts';
import { mayRunFleet, maySubmit } from './may.ts';
import { OperationPage } from './operation/page.ts';
import { OperationsPage } from './operations-page.ts';
import { Icon } from './parts/icon.ts';
import { ErrorBox } from './parts/small.ts';
import { Who } from './parts/who.ts';
import { linkTo, type Route, useRoute } from './route.ts';
import { useSession } from './session.ts';
import { SubmitPage } from './submit/page.ts';
import { chooseTheme, chosenTheme, nextTheme } from './theme.ts';
import { type Content, html, useEffect, useRef, useState } from './vendor/preact.js';
import type { Me } from './wire.ts';

const TABS: readonly { page: Route['page']; path: string; label: string }[] = [
  { page: 'operations', path: 'operations', label: 'Operations' },
  { page: 'submit', path: 'submit', label: 'Submit' },
  { page: 'fleet', path: 'fleet', label: 'Fleet' },
  { page: 'audit', path: 'audit', label: 'Audit' },
];

export function App(): Content {
  const route = useRoute();
  const { session, again } = useSession();
  const [signing, setSigning] = useState(false);
  const main = useRef<HTMLElement | null>(null);
  const address = location.hash;
  const first = useRef(true);
  useEffect(() => {
    document.title = titleOf(route);
    scrollTo(0, 0);
    // A reader that does not see hears the new page; at the first one the browser does that by itself.
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [address]);
  const me = session.state === 'in' ? session.me : undefined;
  const here = route.page === 'operation' ? 'operations' : route.page;
  const skip = (event: Event): void => {
    event.preventDefault();
    main.current?.focus();
  };
  return html`
    <a class="skip" href="#main" onClick=${skip}>To the content</a>
    <header class="top">
      <a class="brand" href=${linkTo('operations')}><img src="/app/icon.svg" alt="" width="22" height="22" />Longshore</a>
      <nav aria-label="Pages">
        ${TABS.filter(({ page }) => isFor(page, me)).map(
          ({ page, path, label }) =>
            html`<a key=${page} href=${linkTo(path)} aria-current=${here === page ? 'page' : undefined}>${label}</a>`,
        )}
      </nav>
      <div class="row right">
        ${me ? html`<button class="quiet" onClick=${() => setSigning(!signing)} aria-expanded=${signing}><${Icon} name="person" /> ${me.name || 'no name given'} · ${me.role}</button>` : null}
        <${ThemeSwitch} />
      </div>
    </header>
    <main id="main" tabindex="-1" ref=${main}>
      ${session.state === 'away' ? html`<${ErrorBox} error=${session.error} title="The fleet cannot be reached." />` : null}
      ${
        session.state === 'token' || signing
          ? html`<${Who}
            me=${me}
            done=${() => {
              setSigning(false);
              again();
            }}
          />`
          : null
      }
      ${me ? pageOf(route, me) : null}
    </main>
  `;
}

function isFor(page: Route['page'], me: Me | undefined): boolean {
  if (page === 'audit') return me === undefined || mayRunFleet(me.role);
  return page !== 'submit' || me === undefined || maySubmit(me.role);
}

function pageOf(route: Route, me: Me): Content {
  switch (route.page) {
    case 'operations':
      return html`<${OperationsPage} key="operations" me=${me} />`;
    case 'operation':
      return html`<${OperationPage} key=${route.id} id=${route.id} me=${me} />`;
    case 'submit':
      return html`<${SubmitPage} key="submit" kind=${route.kind} me=${me} />`;
    case 'fleet':
      return html`<${FleetPage} key="fleet" me=${me} />`;
    case 'audit':
      return html`<${AuditPage} key="audit" me=${me} />`;
    case 'unknown':
      return html`<section class="card wide"><h1>There is no page “${route.path}”</h1><p><a href=${linkTo('operations')}>All operations</a></p></section>`;
  }
}

function titleOf(route: Route): string {
  if (route.page === 'operation') return `${route.id} · Longshore`;
  return `${TABS.find(({ page }) => page === route.page)?.label ?? 'Nothing'} · Longshore`;
}

const SIGNS = { system: '◐', light: '☀', dark: '☾' } as const;

function ThemeSwitch(): Content {
  const [theme, setTheme] = useState(chosenTheme);
  const next = nextTheme(theme);
  const change = (): void => {
    chooseTheme(next);
    setTheme(next);
  };
  const says = `Colours: ${theme === 'system' ? 'as the system has them' : theme}. Change to ${next}.`;
  return html`<button class="quiet" onClick=${change} aria-label=${says} title=${says} data-theme-switch>${SIGNS[theme]}</button>`;
}
