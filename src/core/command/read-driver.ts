/**
 * Walks the words of a gcc or clang command line and writes down what each says. What follows from all of them together
 * (names of outputs, renaming) is decided in driver-outputs.ts and rename-plan.ts.
 */

import { baseName } from '../paths.ts';
import type { Effect } from './driver-option-table.ts';
import type { Option } from './driver-options.ts';
import { lookUpOption } from './driver-options.ts';
import type { LinkerFacts } from './read-linker.ts';
import { emptyLinkerFacts, readLinkerWords } from './read-linker.ts';
import type { Word } from './response-file.ts';
import type { DriverFamily } from './tool.ts';

/** How far the driver goes; the earliest end that is asked for counts. */
export type Mode = 'preprocess' | 'syntax' | 'assembly' | 'object' | 'link';
const modeOrder: readonly Mode[] = ['preprocess', 'syntax', 'assembly', 'object', 'link'];

/** Where in argv a file name stands: word `index` is `head + value + tail`; index -1: in a response file. */
export interface FileWord {
  readonly index: number;
  readonly head: string;
  readonly value: string;
  readonly tail: string;
}

/** Side files that are named after the output. */
export type SideFile = 'coverage' | 'split-dwarf' | 'save-temps' | 'stack-usage' | 'callgraph' | 'time-trace';

export interface Source {
  readonly path: string;
  /** It is a header to be precompiled. */
  readonly header: boolean;
  readonly plusPlus: boolean;
}

export interface DriverFacts {
  readonly family: DriverFamily;
  readonly plusPlus: boolean;
  mode: Mode;
  query: boolean;
  verbose: boolean;
  native: boolean;
  emitLlvm: boolean;
  stdin: boolean;
  readonly sources: Source[];
  readonly inputs: string[];
  readonly quoteDirs: string[];
  readonly dirs: string[];
  readonly systemDirs: string[];
  readonly afterDirs: string[];
  readonly otherDirs: string[];
  sysroot: string;
  readonly linker: LinkerFacts;
  readonly outs: FileWord[];
  /** -MD, -MMD, or their -Wp forms. */
  dependencies: 'none' | 'driver' | 'preprocessor';
  readonly dependencyFiles: FileWord[];
  hasTarget: boolean;
  readonly sideFiles: SideFile[];
  readonly sideOutputs: string[];
  /** The arguments because of which outputs cannot be renamed, in order. */
  readonly inPlace: string[];
  /** The arguments that name a file to which it adds: what is written there twice stays there twice. */
  readonly adds: string[];
}

const sourceSuffix =
  /\.(?:c|i|ii|cc|cp|cxx|cpp|CPP|c\+\+|C|m|mi|mm|M|mii|s|S|sx|asm|cu|cl|ll|bc|cppm|ixx|tcc|f|for|f90|F|F90|d|go|adb|ads)$/;
const headerSuffix = /\.(?:h|H|hh|hp|hxx|hpp|HPP|h\+\+|tcc)$/;

/** Reads the words after the tool's own. */
export function readDriver(
  words: readonly Word[],
  family: DriverFamily,
  traits: { readonly plusPlus: boolean },
): DriverFacts {
  const facts: DriverFacts = {
    family,
    plusPlus: traits.plusPlus,
    mode: 'link',
    query: false,
    verbose: false,
    native: false,
    emitLlvm: false,
    stdin: false,
    sources: [],
    inputs: [],
    quoteDirs: [],
    dirs: [],
    systemDirs: [],
    afterDirs: [],
    otherDirs: [],
    sysroot: '',
    linker: emptyLinkerFacts(),
    outs: [],
    dependencies: 'none',
    dependencyFiles: [],
    hasTarget: false,
    sideFiles: [],
    sideOutputs: [],
    inPlace: [],
    adds: [],
  };
  const walk: WordWalk = { language: '', prefix: '', linkerWords: [], onlyFiles: false };
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as Word;
    if (walk.onlyFiles || !word.text.startsWith('-') || word.text === '-') {
      readFile(word.text, walk, facts);
      continue;
    }
    if (word.text === '--') {
      walk.onlyFiles = true;
      continue;
    }
    const option = lookUpOption(word.text, family);
    if (option.take !== 'next') {
      const value = option.value ?? '';
      const fileWord = { index: word.index, head: option.name, value, tail: '' };
      effects[option.effect]({ option, value, fileWord, text: word.text, walk, facts });
      continue;
    }
    const next = words[at + 1];
    if (next === undefined) {
      facts.inPlace.push(word.text);
      break;
    }
    at++;
    const fileWord = { index: next.index, head: '', value: next.text, tail: '' };
    effects[option.effect]({
      option,
      value: next.text,
      fileWord,
      text: `${word.text} ${next.text}`,
      walk,
      facts,
    });
  }
  readLinkerWords(walk.linkerWords, facts.linker);
  return facts;
}

interface WordWalk {
  /** Of `-x`, for the files that follow; empty: by suffix. */
  language: string;
  /** Of `-iprefix`. */
  prefix: string;
  readonly linkerWords: string[];
  onlyFiles: boolean;
}

function readFile(path: string, walk: WordWalk, facts: DriverFacts): void {
  if (path === '-' || path === '/dev/stdin' || path === '/dev/fd/0') facts.stdin = true;
  else if (path === '') facts.inPlace.push('an empty argument');
  else if (walk.language !== '')
    facts.sources.push({
      path,
      header: /-header|header-unit/.test(walk.language),
      plusPlus: walk.language.includes('c++'),
    });
  else if (headerSuffix.test(path)) facts.sources.push({ path, header: true, plusPlus: facts.plusPlus });
  else if (sourceSuffix.test(path))
    facts.sources.push({
      path,
      header: false,
      plusPlus: facts.plusPlus || !/\.(?:c|i|m|mi|s|S)$/.test(path),
    });
  else walk.linkerWords.push(path);
}

/** An option with its value, where it stands, and what it acts on. */
interface Step {
  readonly option: Option;
  readonly value: string;
  readonly fileWord: FileWord;
  /** The option as it was written, for people. */
  readonly text: string;
  readonly walk: WordWalk;
  readonly facts: DriverFacts;
}

/** Options that name a file to which the compiler adds what it has to say. */
const adding = /^(?:-fopt-info|-fproc-stat-report=|-time=|-diagnostic-log-file)$/;

const inPlace = ({ option, value, text, facts }: Step): void => {
  if (adding.test(option.name) && (option.name !== '-fopt-info' || value.includes('=')))
    facts.adds.push(text);
  facts.inPlace.push(text);
};

const sideFile = (kind: SideFile) => (step: Step) => {
  step.facts.sideFiles.push(kind);
  inPlace(step);
};

/** What each effect of an option does. */
const effects: Readonly<Record<Effect, (step: Step) => void>> = {
  plain: () => {},
  native: ({ facts }) => {
    facts.native = true;
  },
  'quote-dir': ({ value, facts }) => addDir(facts.quoteDirs, value, facts),
  'include-dir': ({ value, facts }) => addDir(facts.dirs, value, facts),
  'system-dir': ({ value, facts }) => addDir(facts.systemDirs, value, facts),
  'after-dir': ({ value, facts }) => addDir(facts.afterDirs, value, facts),
  'other-dir': ({ value, facts }) => addDir(facts.otherDirs, value, facts),
  'include-prefix': ({ value, walk }) => {
    walk.prefix = value;
  },
  'with-prefix': ({ value, walk, facts }) => {
    facts.afterDirs.push(walk.prefix + value);
  },
  'with-prefix-before': ({ value, walk, facts }) => {
    facts.dirs.push(walk.prefix + value);
  },
  'with-sysroot': ({ value, facts }) => {
    facts.systemDirs.push(facts.sysroot + value);
  },
  sysroot: ({ value, facts }) => {
    facts.sysroot = value;
    facts.otherDirs.push(value);
  },
  input: ({ value, facts }) => {
    facts.inputs.push(value);
  },
  // A precompiled form next to it is taken in its place without being named.
  'include-file': ({ value, facts }) => {
    facts.inputs.push(value, `${value}.gch`, `${value}.pch`);
  },
  'input-in-place': (step) => {
    if (step.value !== '') step.facts.inputs.push(step.value);
    inPlace(step);
  },
  output: (step) => {
    if (step.value !== '') step.facts.sideOutputs.push(step.value);
    inPlace(step);
  },
  'in-place': (step) => {
    const { option, value, facts } = step;
    if (option.name === '-fopt-info' && value.includes('='))
      facts.sideOutputs.push(value.slice(value.indexOf('=') + 1));
    inPlace(step);
  },
  // What the driver takes as harmless, the front end does too; an argument of its own (`-Xclang -load`) is another matter.
  'pass-frontend': (step) => {
    const { value, facts } = step;
    if (!value.startsWith('-') || lookUpOption(value, facts.family).effect !== 'plain') inPlace(step);
  },
  unknown: inPlace,
  precompile: inPlace,
  query: ({ facts }) => {
    facts.query = true;
  },
  verbose: (step) => {
    step.facts.verbose = true;
    inPlace(step);
  },
  mode: ({ option, facts }) => setMode(option.name, facts),
  'emit-llvm': ({ facts }) => {
    facts.emitLlvm = true;
  },
  dependencies: (step) => {
    if (step.facts.dependencies === 'preprocessor') inPlace(step);
    step.facts.dependencies = 'driver';
  },
  'dependency-file': ({ fileWord, facts }) => {
    facts.dependencyFiles.push(fileWord);
  },
  'dependency-target': ({ facts }) => {
    facts.hasTarget = true;
  },
  out: ({ fileWord, facts }) => {
    facts.outs.push(fileWord);
  },
  language: ({ value, walk }) => {
    walk.language = value === 'none' ? '' : value;
  },
  library: ({ value, walk }) => {
    walk.linkerWords.push(`-l${value}`);
  },
  script: ({ value, walk }) => {
    walk.linkerWords.push('-T', value);
  },
  'pass-linker': ({ option, value, walk }) => {
    walk.linkerWords.push(...(option.name === '-Wl,' ? value.split(',') : [value]));
  },
  'pass-preprocessor': ({ fileWord, text, facts }) => readPreprocessorWords(fileWord, text, facts),
  'pass-assembler': (step) => {
    const { value, facts } = step;
    if (!harmlessForAssembler(value)) inPlace(step);
    for (const part of value.split(',')) if (part.startsWith('-I')) facts.dirs.push(part.slice(2) || '.');
  },
  coverage: sideFile('coverage'),
  'split-dwarf': sideFile('split-dwarf'),
  'save-temps': sideFile('save-temps'),
  'stack-usage': sideFile('stack-usage'),
  callgraph: sideFile('callgraph'),
  'time-trace': sideFile('time-trace'),
};

function setMode(name: string, facts: DriverFacts): void {
  let mode: Mode = 'preprocess';
  if (name === '-c' || name === '--compile') mode = 'object';
  else if (name === '-S' || name === '--assemble') mode = 'assembly';
  else if (name === '-fsyntax-only') mode = 'syntax';
  if (modeOrder.indexOf(mode) < modeOrder.indexOf(facts.mode)) facts.mode = mode;
}

/** A directory that begins with `=` or `$SYSROOT` lies below the sysroot. */
function addDir(dirs: string[], value: string, facts: DriverFacts): void {
  const below = /^(?:=|\$SYSROOT)(.*)$/s.exec(value);
  const dir = below ? facts.sysroot + (below[1] as string) : value;
  dirs.push(dir === '' ? '.' : dir);
}

/** `-Wp,-MD,FILE` and its like, as the kernel's build writes them. */
function readPreprocessorWords(fileWord: FileWord, text: string, facts: DriverFacts): void {
  const parts = fileWord.value.split(',');
  const isDependencies = (word: string | undefined) => word === '-MD' || word === '-MMD';
  // clang makes options of its own of exactly `-Wp,-MD,FILE`; with more words it takes FILE for something else.
  if (facts.family !== 'gcc' && parts.length > 2 && parts.some(isDependencies)) facts.inPlace.push(text);
  for (let at = 0; at < parts.length; at++) {
    const part = parts[at] as string;
    if (/^-(?:D|U).|^-P$|^-MP$/.test(part)) continue;
    if (/^-I./.test(part)) facts.dirs.push(part.slice(2));
    else if (isDependencies(part) && parts[at + 1] && facts.dependencies === 'none') {
      facts.dependencies = 'preprocessor';
      const before = parts.slice(0, at + 1);
      const after = parts.slice(at + 2);
      facts.dependencyFiles.push({
        index: fileWord.index,
        head: `-Wp,${before.join(',')},`,
        value: parts[at + 1] as string,
        tail: after.map((word) => `,${word}`).join(''),
      });
      at++;
    } else if ((part === '-MT' || part === '-MQ') && parts[at + 1]) {
      facts.hasTarget = true;
      at++;
    } else {
      facts.inPlace.push(text);
      return;
    }
  }
}

/** Assembler words that write nothing beside the object and do not look at its name. */
function harmlessForAssembler(words: string): boolean {
  return words
    .split(',')
    .every((word) =>
      /^(?:-m[\w.+=-]*|--noexecstack|--execstack|--divide|-W|--no-warn|--warn|--fatal-warnings|-g|-gdwarf-[2-5]|--gdwarf-[2-5]|--gdwarf-5|-I.+|--(?:32|64|x32)|--(?:no)?compress-debug-sections(?:=[\w-]+)?|--generate-missing-build-notes=\w+|-defsym|--defsym|\w+=\w+|-mrelax-relocations=\w+|--reduce-memory-overheads|-J|-K|-L|--keep-locals|-alternate|--alternate)$/.test(
        word,
      ),
    );
}

/** The name that a driver gives to what it makes of a source when no `-o` is there: `a` of `d/a.cc`. */
export function stemOf(source: string): string {
  const base = baseName(source);
  const dot = base.lastIndexOf('.');
  return dot > 0 ? base.slice(0, dot) : base;
}
