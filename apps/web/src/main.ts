import { App } from './app.ts';
import { applyTheme } from './theme.ts';
import { html, render } from './vendor/preact.js';

applyTheme();
const root = document.getElementById('app');
if (!root) throw new Error('the page has no element #app');
root.replaceChildren();
render(html`<${App} />`, root);
