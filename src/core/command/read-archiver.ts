/** Reads the command lines of ar, ranlib, strip and as; all of them write in place. */
import type { Output } from './contract.ts';

/** What such a command line names. */
export interface BinutilsReading {
  readonly query: boolean;
  /** It takes its work from standard input (`ar -M`). */
  readonly stdin: boolean;
  readonly inputs: readonly string[];
  readonly includeDirs: readonly string[];
  readonly outputs: readonly Output[];
  readonly dependencyFile?: string;
}

const asksOnly = /^(?:--version|--help|-V|-h|-H)$/;

/** ar: `ar [-]KEYS[MODIFIERS] [MEMBER] [COUNT] ARCHIVE [FILE…]`, options anywhere. */
export function readAr(words: readonly string[]): BinutilsReading {
  const plain: string[] = [];
  let keys: string | undefined;
  let stdin = false;
  let query = words.length === 0;
  const inputs: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (asksOnly.test(word)) query = true;
    else if (word === '--plugin') inputs.push(words[++at] ?? '');
    else if (/^--(?:target|output|format|rsp-quoting|record-libdeps)$/.test(word)) at++;
    else if (word.startsWith('--')) continue;
    else if (word === '-M') stdin = true;
    else if (word.startsWith('-') && word.length > 1 && keys === undefined) keys = word.slice(1);
    else if (word.startsWith('-') && word.length > 1) keys = (keys ?? '') + word.slice(1);
    else if (keys === undefined) keys = word;
    else plain.push(word);
  }
  const letters = keys ?? '';
  // A position (`a`, `b`, `i`) names a member first, a count (`N`) comes next, `l` (libdeps) too.
  if (/[abi]/.test(letters)) plain.shift();
  if (letters.includes('N')) plain.shift();
  if (letters.includes('l')) plain.shift();
  const [archive, ...members] = plain;
  const outputs: Output[] = [];
  if (archive !== undefined) {
    inputs.push(archive);
    if (/[rqdms]/.test(letters)) outputs.push({ path: archive, role: 'archive' });
    if (/[rq]/.test(letters)) inputs.push(...members);
    else if (letters.includes('x'))
      outputs.push(...members.map((path): Output => ({ path: path.replace(/^.*\//, ''), role: 'other' })));
  }
  return { query, stdin, inputs: inputs.filter((path) => path !== ''), includeDirs: [], outputs };
}

const takesNext =
  /^(?:-[FIOKNR]|--(?:target|input-target|output-target|plugin|keep-symbol|strip-symbol|remove-section))$/;

/** ranlib and strip: every file is read and written again; `strip -o FILE` writes elsewhere. */
export function readRewriter(words: readonly string[], role: 'archive' | 'other'): BinutilsReading {
  const inputs: string[] = [];
  let out: string | undefined;
  let query = words.length === 0;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (asksOnly.test(word)) query = true;
    else if (word === '-o') out = words[++at];
    else if (takesNext.test(word)) at++;
    else if (!word.startsWith('-')) inputs.push(word);
  }
  const written = out === undefined ? inputs : [out];
  return {
    query,
    stdin: false,
    inputs,
    includeDirs: [],
    outputs: written.map((path): Output => ({ path, role })),
  };
}

/** as: `as [-I DIR] [--MD FILE] [-o OBJECT] [FILE…]`; without a file it reads standard input. */
export function readAssembler(words: readonly string[]): BinutilsReading {
  const inputs: string[] = [];
  const includeDirs: string[] = [];
  const outputs: Output[] = [];
  let out = 'a.out';
  let dependencyFile: string | undefined;
  let query = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (/^(?:--version|-version|--help|--target-help)$/.test(word)) query = true;
    else if (word === '-o') out = words[++at] ?? out;
    else if (word.startsWith('-o')) out = word.slice(2);
    else if (word === '-I') includeDirs.push(words[++at] ?? '');
    else if (word.startsWith('-I')) includeDirs.push(word.slice(2));
    else if (word === '--MD') dependencyFile = words[++at];
    else if (word.startsWith('--MD=')) dependencyFile = word.slice(5);
    else if (/^-a[a-z]*=/.test(word))
      outputs.push({ path: word.slice(word.indexOf('=') + 1), role: 'other' });
    else if (/^(?:--defsym|--debug-prefix-map|-t)$/.test(word)) at++;
    else if (!word.startsWith('-') || word === '-') inputs.push(word);
  }
  outputs.unshift({ path: out, role: 'object' });
  if (dependencyFile !== undefined) outputs.push({ path: dependencyFile, role: 'dependencies' });
  const named = inputs.filter((path) => path !== '-');
  return {
    query,
    stdin: named.length === 0 || named.length < inputs.length,
    inputs: named,
    includeDirs: includeDirs.filter((dir) => dir !== ''),
    outputs,
    ...(dependencyFile === undefined ? {} : { dependencyFile }),
  };
}
