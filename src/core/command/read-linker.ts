/** Words meant for a linker: what a driver passes on by `-Wl,` and `-Xlinker`, and the whole command line of ld itself. */
import type { Output } from './contract.ts';

/** What linker words name; filled by {@link readLinkerWords}. */
export interface LinkerFacts {
  readonly inputs: string[];
  readonly otherDirs: string[];
  readonly libraries: string[];
  readonly outputs: Output[];
  /** Words that are in no table. */
  readonly unknown: string[];
  /** The last `-o`. */
  out?: string;
  query: boolean;
}

type LinkerEffect = 'plain' | 'dir' | 'input' | 'output' | 'library' | 'out' | 'query';

/** [effect, spellings whose argument is the next word or follows `=`]; GNU ld takes `-name` and `--name` for long ones. */
const long: readonly (readonly [LinkerEffect, string])[] = [
  ['out', 'output'],
  ['dir', 'library-path rpath-link sysroot'],
  ['library', 'library'],
  [
    'input',
    'script default-script version-script dynamic-list just-symbols retain-symbols-file symbol-ordering-file',
  ],
  [
    'input',
    'version-exports-section-file plugin section-ordering-file export-dynamic-symbol-list mri-script in-implib',
  ],
  ['input', 'call-graph-ordering-file dynamic-list-cpp-file lto-sample-profile'],
  [
    'output',
    'Map out-implib dependency-file print-symbol-order save-temps-file thinlto-index-only trace-file',
  ],
  ['output', 'reproduce time-trace-file cmse-implib-file thinlto-cache-dir error-handling-script-output'],
  [
    'plain',
    'architecture format entry export-dynamic-symbol fini init soname rpath dynamic-linker undefined defsym',
  ],
  [
    'plain',
    'wrap section-start Tbss Tdata Ttext Ttext-segment Trodata-segment Tldata-segment oformat plugin-opt',
  ],
  ['plain', 'auxiliary filter gpsize require-defined unresolved-symbols sort-section hash-style build-id'],
  [
    'plain',
    'trace-symbol assert task-link spare-dynamic-tags hash-size max-cache-size hash-bucket-empty-fraction',
  ],
  ['plain', 'threads thread-count emulation icf image-base dynamic-list-data-none'],
];

/** Single letters whose argument is joined or the next word. */
const short: Readonly<Record<string, LinkerEffect>> = {
  o: 'out',
  L: 'dir',
  l: 'library',
  T: 'input',
  R: 'input',
  c: 'input',
  A: 'plain',
  a: 'plain',
  b: 'plain',
  e: 'plain',
  F: 'plain',
  f: 'plain',
  G: 'plain',
  h: 'plain',
  I: 'plain',
  m: 'plain',
  O: 'plain',
  u: 'plain',
  y: 'plain',
  Y: 'dir',
  z: 'plain',
};

const longTable: ReadonlyMap<string, LinkerEffect> = new Map(
  long.flatMap(([effect, names]) => names.split(' ').map((name) => [name, effect] as const)),
);

/** Long options whose argument only ever follows `=`: without it they are flags. */
const onlyJoined = new Set([
  'build-id',
  'threads',
  'sysroot',
  'hash-style',
  'icf',
  'unresolved-symbols',
  'sort-section',
]);

/** Reads linker words into `facts`. A long option that is in no table is taken as a flag: linkers write in place in any case. */
export function readLinkerWords(words: readonly string[], facts: LinkerFacts): void {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string;
    if (!word.startsWith('-') || word === '-') {
      if (word !== '') facts.inputs.push(word);
      continue;
    }
    if (
      /^(?:--version|-v|-V|--help|--print-map-discarded-none|--print-output-format|--print-sysroot)$/.test(
        word,
      )
    ) {
      facts.query = true;
      continue;
    }
    const name = word.replace(/^--?/, '');
    const equals = name.indexOf('=');
    const stem = equals < 0 ? name : name.slice(0, equals);
    const effect = longTable.get(stem);
    if (effect !== undefined) {
      if (equals >= 0) apply(effect, name.slice(equals + 1), facts);
      else if (!onlyJoined.has(stem)) apply(effect, words[++at], facts);
      continue;
    }
    // What a lone dash and an unknown long name begin with is a letter option: -Ldir, -lfoo.
    const letter = short[word[1] ?? ''];
    if (word.startsWith('--') || letter === undefined) {
      facts.unknown.push(word);
      continue;
    }
    apply(letter, word.length > 2 ? word.slice(2) : words[++at], facts);
  }
}

function apply(effect: LinkerEffect, value: string | undefined, facts: LinkerFacts): void {
  if (value === undefined || value === '') return;
  if (effect === 'dir') facts.otherDirs.push(...value.split(':').filter((dir) => dir !== ''));
  else if (effect === 'input') facts.inputs.push(value);
  else if (effect === 'library') facts.libraries.push(value);
  else if (effect === 'output') facts.outputs.push({ path: value, role: 'other' });
  else if (effect === 'out') facts.out = value;
}

/** An empty record for {@link readLinkerWords}. */
export function emptyLinkerFacts(): LinkerFacts {
  return { inputs: [], otherDirs: [], libraries: [], outputs: [], unknown: [], query: false };
}
