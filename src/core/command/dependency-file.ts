/** Reads the dependency files that compilers write (make's syntax, as gcc and clang quote it). */

/**
 * The files that the first rule of a dependency file names, in its order. Rules without prerequisites (`-MP`)
 * come after it and are passed over. Empty if there is no rule.
 */
export function parseDependencies(text: string): string[] {
  const start = endOfTargets(text);
  if (start < 0) return [];
  const found: string[] = [];
  let word = '';
  let at = start;
  const flush = (): void => {
    if (word !== '') found.push(word);
    word = '';
  };
  while (at < text.length) {
    const char = text[at];
    if (char === '\n') break;
    if (char === ' ' || char === '\t' || char === '\r') {
      flush();
      at += 1;
    } else if (char === '\\') {
      const run = runOf(text, at);
      const next = text[at + run];
      if (next === '\n' || (next === '\r' && text[at + run + 1] === '\n')) {
        word += '\\'.repeat((run - 1) / 2);
        flush();
        at += run + (next === '\r' ? 2 : 1);
      } else if (next === ' ' || next === '\t') {
        // Backslashes before a blank are doubled, and one more quotes it.
        word += '\\'.repeat(Math.floor(run / 2));
        at += run;
        if (run % 2 === 1) {
          word += next;
          at += 1;
        }
      } else if (next === '#' || next === ':') {
        word += `${'\\'.repeat(run - 1)}${next}`;
        at += run + 1;
      } else {
        word += '\\'.repeat(run);
        at += run;
      }
    } else if (char === '$' && text[at + 1] === '$') {
      word += '$';
      at += 2;
    } else {
      word += char;
      at += 1;
    }
  }
  flush();
  return found;
}

/** Behind the colon that ends the targets: one that a blank, a line's end or the end follows. */
function endOfTargets(text: string): number {
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    const next = text[at + 1];
    const isBreak = next === undefined || next === ' ' || next === '\t' || next === '\n' || next === '\r';
    const isContinued = next === '\\' && (text[at + 2] === '\n' || text[at + 2] === '\r');
    if (isBreak || isContinued) return at + 1;
  }
  return -1;
}

function runOf(text: string, at: number): number {
  let end = at;
  while (text[end] === '\\') end += 1;
  return end - at;
}
