/** Light or dark: as the system says, until the user says otherwise. */

const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

export type Theme = 'light' | 'dark';

let chosen: Theme | undefined;

export function theme(): Theme {
  return chosen ?? (system.matches ? 'dark' : 'light');
}

export function toggleTheme(): void {
  chosen = theme() === 'dark' ? 'light' : 'dark';
  tell();
}

/** Calls it when colours have changed. @returns what ends that. */
export function onTheme(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** A colour of the style sheet. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function tell(): void {
  document.documentElement.dataset['theme'] = theme();
  for (const listener of listeners) listener();
}

system.addEventListener('change', tell);
tell();
