/**
 * Text of other machines, made safe to show: what would move the cursor, change colours, reverse the order of letters
 * or begin a line is written as an escape instead.
 */

/** Controls (C0, DEL, C1), line and paragraph separators, and marks that change the direction of text. */
// oxlint-disable-next-line no-control-regex -- these are what is looked for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** One field of text: it stays in its line. */
export function visibleField(text: string): string {
  return text.replace(unsafe, escaped);
}

/** Text of several lines: those are kept. */
export function visibleText(text: string): string {
  return text.replace(unsafe, (character) => (character === '\n' ? character : escaped(character)));
}

/** JSON that has no unsafe character, and is the same to whatever reads it. */
export function visibleJson(json: string): string {
  // Within JSON these characters can stand in strings only, where the escapes mean them.
  return visibleText(json);
}

/** The same value with every string in it made visible, those in arrays and objects too. */
export function visibleValue<Value>(value: Value): Value {
  if (typeof value === 'string') return visibleField(value) as Value;
  if (Array.isArray(value)) return value.map(visibleValue) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, visibleValue(inner)])) as Value;
}
