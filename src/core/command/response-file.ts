/**
 * Response files: `@file` stands for the words in that file, as libiberty (gcc, binutils) and LLVM expand it. A file that
 * does not exist leaves `@file` as it is. Names are relative to the cwd, also in nested files.
 */

import { resolvePath } from '../paths.ts';
import type { ResponseFiles } from './contract.ts';

/** Files in files, deeper than anybody writes by hand; a file that names itself ends here. */
const maxDepth = 16;
/** All words together, so that a file that names itself twice ends as well. */
const maxWords = 200_000;

/** One word of the expanded command line. */
export interface Word {
  readonly text: string;
  /** Its place in argv, or -1 if it stands in a response file. */
  readonly index: number;
}

export interface Expansion {
  readonly words: readonly Word[];
  /** Absolute paths whose content is needed first. */
  readonly missing: readonly string[];
  /** Response files that were read, as named. */
  readonly readFiles: readonly string[];
  /** A limit was met: the words are not all there. */
  readonly cutOff: boolean;
}

/** Splits the content of a response file: white space separates, quotes of both kinds hold together, a backslash takes the next character as it is. */
export function splitResponse(content: string): string[] {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  let quote = '';
  for (let at = 0; at < content.length; at++) {
    const char = content[at] as string;
    if (char === '\\') {
      at++;
      word += content[at] ?? '';
      inWord = true;
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      inWord = true;
    } else if (/[ \t\n\v\f\r]/.test(char)) {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
    } else {
      word += char;
      inWord = true;
    }
  }
  if (inWord) words.push(word);
  return words;
}

/** The words of `argv` from `start` on, with every response file that `files` knows put in its place. */
export function expandResponses(
  argv: readonly string[],
  start: number,
  cwd: string,
  files: ResponseFiles,
): Expansion {
  const words: Word[] = [];
  const missing = new Set<string>();
  const readFiles = new Set<string>();
  let cutOff = false;

  const add = (text: string, index: number, depth: number): void => {
    if (words.length >= maxWords) {
      cutOff = true;
      return;
    }
    if (text.length < 2 || text[0] !== '@') {
      words.push({ text, index });
      return;
    }
    const name = text.slice(1);
    const path = resolvePath(cwd, name);
    const content = files.get(path);
    if (content === undefined || depth >= maxDepth) {
      if (depth >= maxDepth) cutOff = true;
      else if (!files.has(path)) missing.add(path);
      words.push({ text, index });
      return;
    }
    readFiles.add(name);
    for (const inner of splitResponse(content)) {
      if (cutOff) return;
      add(inner, -1, depth + 1);
    }
  };

  for (let index = start; index < argv.length; index++) add(argv[index] as string, index, 0);
  return { words, missing: [...missing], readFiles: [...readFiles], cutOff };
}
