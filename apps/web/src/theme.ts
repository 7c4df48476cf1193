/** Light, dark, or as the system has it. Kept in this browser. */
export type Theme = 'system' | 'light' | 'dark';

const KEY = 'longshore.theme';
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

export function chosenTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return THEMES.find((theme) => theme === kept) ?? 'system';
}

export function applyTheme(theme: Theme = chosenTheme()): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  applyTheme(theme);
  dispatchEvent(new Event('longshore-theme'));
}

export function nextTheme(theme: Theme): Theme {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
}

/** Calls back when the colours have changed, by the switch or by the system. */
export function onThemeChange(changed: () => void): () => void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  addEventListener('longshore-theme', changed);
  system.addEventListener('change', changed);
  return () => {
    removeEventListener('longshore-theme', changed);
    system.removeEventListener('change', changed);
  };
}
