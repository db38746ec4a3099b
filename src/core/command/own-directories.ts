/**
 * Directories that each machine has for itself, in the words and scripts of opaque commands: what such a command leaves there
 * would lie on the worker alone, and the next step, here, would not find it.
 */
import { baseName } from '../paths.ts';

const named =
  /(?:^|[\s"'`=(:;|&<>{,-])(\/(?:tmp|var\/tmp|dev\/shm)(?:\/[^\s"'`;|&<>(){},]*)?)(?=$|[\s"'`;|&<>(){},])/m;
const comment = /^[ \t]*#.*$/gm;
/** Their first word that is not an option is a script. */
const interpreter =
  /^(?:(?:ba|da|k|z|mk)?sh|python[\d.]*|perl[\d.]*|ruby[\d.]*|tclsh[\d.]*|awk|gawk|mawk|node|php)$/;

/** The first such path in a text; what is commented out by `#` does not count. */
export function ownPathIn(text: string): string | undefined {
  return named.exec(text.replaceAll(comment, ''))?.[1];
}

/** Programs that get the rights of another user, or that look whose the system's files are: where a worker is shown
 * directories of its own in a user namespace, they do neither. */
const privileged =
  /(?:^|[\s"'`=(;|&])((?:\/usr)?(?:\/s?bin\/)?(?:sudo|doas|su|pkexec|ssh|scp|sftp|ping|fusermount3?|newuidmap|newgidmap))(?=$|[\s"'`;|&)])/m;

/** The first such program in a text; what is commented out by `#` does not count. */
export function privilegedIn(text: string): string | undefined {
  return privileged.exec(text.replaceAll(comment, ''))?.[1];
}

/** The files that a command line has run as scripts, as far as its words tell: its program, or what an interpreter is given. */
export function scriptsOf(argv: readonly string[]): string[] {
  const [program = '', ...words] = argv;
  if (!interpreter.test(baseName(program))) return program.includes('/') ? [program] : [];
  const script = words.find((word) => !word.startsWith('-'));
  return script === undefined ? [] : [script];
}
