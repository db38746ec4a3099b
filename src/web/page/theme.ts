/** Light or dark: as the system says, until the user says otherwise. */

const system = matchMedia('(prefers-color-scheme: dark)');
const listeners = new Set<() => void>();

export type Theme = 'light' | 'dark';

export function theme(): Theme {
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return system.matches ? 'dark' : 'light';
}

export function toggleTheme(): void {
  document.documentElement.dataset['theme'] = theme() === 'dark' ? 'light' : 'dark';
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
  for (const listener of listeners) listener();
}

system.addEventListener('change', tell);
