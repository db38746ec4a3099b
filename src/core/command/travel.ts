/** Whether a command may run on another machine, by rule of its command line, directory, environment and descriptors alone. */

import { isBelow, isSystemPath, mayBePath, resolvePath } from '../paths.ts';
import type { Reason } from '../reason.ts';
import type { Command, Reading } from './contract.ts';
import { isNowhere } from './driver-outputs.ts';
import { probePath } from './probes.ts';

/** Where and how a command was started. */
export interface CommandPlace {
  /** The share that an absolute path lies in, or undefined. */
  readonly shareOf: (absolutePath: string) => string | undefined;
  readonly stdin: 'closed' | 'null' | 'file' | 'pipe' | 'socket' | 'tty' | 'other';
  readonly stdoutIsTerminal: boolean;
  /** How many descriptors above 2 it was given. */
  readonly descriptors: number;
  /** What is not as at the peer, whose files and rights a worker is shown; empty: nothing. */
  readonly surroundings: '' | 'group' | 'personality' | 'root' | 'mounts';
  readonly force: '' | 'local' | 'remote';
}

export interface Travel {
  readonly travels: boolean;
  /** Why not; set if it does not travel. */
  readonly reason?: Reason;
  /** The word, path or variable that forbids it, where there is one. */
  readonly word?: string;
  /** Inline without taking a slot: it is short, or it waits for a person. */
  readonly unslotted: boolean;
}

/** Rules that `--remote` sets aside: they only say that it does not pay, not that it cannot be right. */
const overridable: ReadonlySet<Reason> = new Set(['query', 'preprocess', 'probe', 'stdin-input']);
const unslotted: ReadonlySet<Reason> = new Set(['query', 'preprocess', 'probe', 'interactive', 'no-command']);

/** Decides. The first rule that speaks against it gives the reason. */
export function mayTravel(reading: Reading, command: Command, place: CommandPlace): Travel {
  return travelPast(whyNot(reading, command, place));
}

/** As {@link mayTravel}, to a worker that is shown this machine's files; `shareOf`: what it may write below. */
export function mayBeServed(reading: Reading, command: Command, place: CommandPlace): Travel {
  return travelPast(whyNotServed(reading, command, place));
}

interface Obstacle {
  readonly reason: Reason;
  readonly word?: string | undefined;
}

function travelPast(obstacle: Obstacle | undefined): Travel {
  if (obstacle === undefined) return { travels: true, unslotted: false };
  const { reason, word } = obstacle;
  return {
    travels: false,
    reason,
    unslotted: unslotted.has(reason),
    ...(word === undefined ? {} : { word }),
  };
}

function whyNotServed(reading: Reading, command: Command, place: CommandPlace): Obstacle | undefined {
  const obstacle = whyNotAnywhere(reading, command, place);
  if (obstacle !== undefined) return obstacle;
  const isWritable = (path: string) => place.shareOf(resolvePath(command.cwd, path)) !== undefined;
  const output = reading.outputs.find(({ path }) => !isNowhere(path) && !isWritable(path));
  if (output !== undefined) return { reason: 'outside-share', word: output.path };
  const temporary = command.env.get('TMPDIR') ?? '';
  if (temporary !== '' && !isWritable(temporary))
    return { reason: 'outside-share', word: `TMPDIR=${temporary}` };
  // Memory that programs of this machine share: a job has its own, in which nothing is. Whatever names it: a response file, CPATH.
  const isMemory = (path: string) => isBelow('/dev/shm', resolvePath(command.cwd, path));
  const memory =
    [...command.argv.flatMap(absolutePathsIn), ...namedPaths(reading, command)].find(isMemory) ??
    variableThatStays(command.env, (path) => !isMemory(path));
  return memory === undefined ? undefined : { reason: 'outside-share', word: memory };
}

const surroundingsSaid = {
  group: 'its group (newgrp, sg)',
  personality: 'its personality (setarch, linux32)',
  root: 'its root directory (chroot, a container)',
  mounts: 'its mounts (unshare, a container)',
} as const;

/** Rules that hold wherever its files are from. */
function whyNotAnywhere(reading: Reading, command: Command, place: CommandPlace): Obstacle | undefined {
  if (command.argv.length === 0 || command.argv[0] === '') return { reason: 'no-command' };
  if (place.force === 'local') return { reason: 'asked' };
  if (reading.inline !== undefined && !(place.force === 'remote' && overridable.has(reading.inline)))
    return { reason: reading.inline, word: inlineWord(reading.inline, reading, command) };
  if (reading.kind === 'other' && place.stdin === 'tty' && place.stdoutIsTerminal)
    return { reason: 'interactive' };
  if (place.surroundings !== '')
    return { reason: 'surroundings', word: surroundingsSaid[place.surroundings] };
  // Compilers and their like use what they are given by name; leaked descriptors are common and none of their business.
  if (place.descriptors > 0 && reading.kind === 'other') return { reason: 'descriptor' };
  const long = tooLong(reading, command.cwd);
  if (long !== undefined) return { reason: 'unprovable', word: long };
  const isPlaced = command.cwd.startsWith('/') && place.shareOf(resolvePath('/', command.cwd)) !== undefined;
  return isPlaced ? undefined : { reason: 'outside-share', word: command.cwd };
}

/** What a command says of such a name is told best by itself, here. An opaque one may mean something else by it. */
function tooLong(
  { kind, inputs, outputs, includeDirs, otherDirs }: Reading,
  cwd: string,
): string | undefined {
  if (kind === 'other') return undefined;
  const written = outputs.map(({ path }) => path);
  for (const names of [inputs, written, includeDirs, otherDirs]) {
    const long = names.find((path) => !mayBePath(resolvePath(cwd, path)));
    if (long !== undefined) return long;
  }
  return undefined;
}

function whyNot(reading: Reading, command: Command, place: CommandPlace): Obstacle | undefined {
  const obstacle = whyNotAnywhere(reading, command, place);
  if (obstacle !== undefined) return obstacle;
  const outside = wordOutside(reading, command, place);
  if (outside !== undefined) return { reason: 'outside-share', word: outside };
  return reading.unprovable === undefined ? undefined : { reason: 'unprovable' };
}

/** The path or variable that ties the command to this machine. */
function wordOutside(reading: Reading, command: Command, place: CommandPlace): string | undefined {
  const { cwd } = command;
  const inShare = (path: string) => place.shareOf(resolvePath(cwd, path)) !== undefined;
  const output = reading.outputs.find(({ path }) => !isNowhere(path) && !inShare(path));
  if (output !== undefined) return output.path;
  const seenEverywhere = (path: string) =>
    isNowhere(path) || isSystemPath(resolvePath(cwd, path)) || inShare(path);
  return (
    namedPaths(reading, command).find((path) => !seenEverywhere(path)) ??
    variableThatStays(command.env, seenEverywhere)
  );
}

const inlineWords: Readonly<Partial<Record<Reason, RegExp>>> = {
  preprocess: /^-(?:E|MM?)$/,
  query: /^(?:--?(?:version|help|target-help)\b|-dump|-print|--print|-###$|-v$|-V$)/,
  'stdin-input': /^-$/,
};

/** The word of the command line that keeps it here by itself, as far as one word does. */
function inlineWord(reason: Reason, reading: Reading, { argv, cwd }: Command): string | undefined {
  if (reason === 'probe')
    return probePath(cwd, [...reading.inputs, ...reading.outputs.map(({ path }) => path)]);
  const pattern = inlineWords[reason];
  return pattern === undefined ? undefined : argv.find((word, index) => index > 0 && pattern.test(word));
}

/** All paths that must be the same elsewhere. */
function namedPaths(reading: Reading, command: Command): string[] {
  const programs = reading.programs.filter((program) => program.includes('/'));
  if (reading.kind !== 'other')
    return [
      ...programs,
      ...reading.inputs,
      ...reading.includeDirs,
      ...reading.otherDirs,
      ...(reading.mentions ?? []).flatMap(absolutePathsIn),
    ];
  const inputs = [...programs, ...reading.inputs.filter((path) => path.includes('..'))];
  for (const argument of command.argv.slice(1)) inputs.push(...absolutePathsIn(argument));
  return inputs;
}

/**
 * Absolute paths in an argument of an unknown command: a slash at its beginning, after `=`, `:`, `,`, a quote, white space or the like, or
 * after the letters of an option (`-I/tmp`). A URL is none. Rather one too many than one too few: then it runs here.
 */
export function absolutePathsIn(argument: string): string[] {
  const found: string[] = [];
  const pattern = /(?:^|[=:,;\s"'`()<>[\]{}|&!@])(?:-{1,2}[A-Za-z][\w-]*)?(\/[^:,;\s"'`()<>[\]{}|&]*)/g;
  for (let match = pattern.exec(argument); match; match = pattern.exec(argument)) {
    const path = match[1] as string;
    // What ends one path may begin the next: look at it again.
    pattern.lastIndex = match.index + match[0].length;
    if (path.startsWith('//') && /[A-Za-z]:$/.test(argument.slice(0, match.index + 1))) continue;
    found.push(path);
  }
  return found;
}

/** A variable that ties the command to this machine: a preloaded library, or a directory for temporary files or libraries that others lack. */
function variableThatStays(
  env: ReadonlyMap<string, string>,
  seenEverywhere: (path: string) => boolean,
): string | undefined {
  const temporary = env.get('TMPDIR');
  // Compilers put their intermediate files there; /tmp is on every machine.
  if (
    temporary !== undefined &&
    temporary !== '' &&
    !/^\/(?:var\/)?tmp\/*$/.test(temporary) &&
    !seenEverywhere(temporary)
  )
    return `TMPDIR=${temporary}`;
  // fakeroot, faketime and sandboxes of package builders: what is preloaded talks to processes of this machine.
  const preload = env.get('LD_PRELOAD') ?? '';
  if (preload.trim() !== '') return `LD_PRELOAD=${preload}`;
  const libraries = (env.get('LD_LIBRARY_PATH') ?? '').split(/[:;]/).filter((dir) => dir !== '');
  const library = libraries.find((dir) => !seenEverywhere(dir));
  return library === undefined ? undefined : `LD_LIBRARY_PATH=${library}`;
}
