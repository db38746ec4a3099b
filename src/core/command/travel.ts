/** Whether a command may run on another machine, by rule of its command line, directory, environment and descriptors alone. */

import { isSystemPath, resolvePath } from '../paths.ts';
import type { Reason } from '../reason.ts';
import type { Command, Reading } from './contract.ts';
import { isNowhere } from './driver-outputs.ts';

/** Where and how a command was started. */
export interface CommandPlace {
  /** The share that an absolute path lies in, or undefined. */
  readonly shareOf: (absolutePath: string) => string | undefined;
  readonly stdin: 'closed' | 'null' | 'file' | 'pipe' | 'socket' | 'tty' | 'other';
  readonly stdoutIsTerminal: boolean;
  /** How many descriptors above 2 it was given. */
  readonly descriptors: number;
  readonly force: '' | 'local' | 'remote';
}

export interface Travel {
  readonly travels: boolean;
  /** Why not; set if it does not travel. */
  readonly reason?: Reason;
  /** Inline without taking a slot: it is short, or it waits for a person. */
  readonly unslotted: boolean;
}

/** Rules that `--remote` sets aside: they only say that it does not pay, not that it cannot be right. */
const overridable: ReadonlySet<Reason> = new Set(['query', 'preprocess', 'probe', 'stdin-input']);
const unslotted: ReadonlySet<Reason> = new Set(['query', 'preprocess', 'probe', 'interactive', 'no-command']);

/** Decides. The first rule that speaks against it gives the reason. */
export function mayTravel(reading: Reading, command: Command, place: CommandPlace): Travel {
  const reason = whyNot(reading, command, place);
  if (reason === undefined) return { travels: true, unslotted: false };
  return { travels: false, reason, unslotted: unslotted.has(reason) };
}

/** As {@link mayTravel}, to a worker that is shown this machine's files; `shareOf`: what it may write below. */
export function mayBeServed(reading: Reading, command: Command, place: CommandPlace): Travel {
  const reason = whyNotServed(reading, command, place);
  if (reason === undefined) return { travels: true, unslotted: false };
  return { travels: false, reason, unslotted: unslotted.has(reason) };
}

function whyNotServed(reading: Reading, command: Command, place: CommandPlace): Reason | undefined {
  const reason = whyNotAnywhere(reading, command, place);
  if (reason !== undefined) return reason;
  const isWritable = (path: string) => place.shareOf(resolvePath(command.cwd, path)) !== undefined;
  if (!reading.outputs.every(({ path }) => isNowhere(path) || isWritable(path))) return 'outside-share';
  const temporary = command.env.get('TMPDIR') ?? '';
  if (temporary !== '' && !isWritable(temporary)) return 'outside-share';
  // What is preloaded talks to processes of this machine.
  return (command.env.get('LD_PRELOAD') ?? '').trim() === '' ? undefined : 'outside-share';
}

/** Rules that hold wherever its files are from. */
function whyNotAnywhere(reading: Reading, command: Command, place: CommandPlace): Reason | undefined {
  if (command.argv.length === 0 || command.argv[0] === '') return 'no-command';
  if (place.force === 'local') return 'asked';
  if (reading.inline !== undefined && !(place.force === 'remote' && overridable.has(reading.inline)))
    return reading.inline;
  if (reading.kind === 'other' && place.stdin === 'tty' && place.stdoutIsTerminal) return 'interactive';
  // Compilers and their like use what they are given by name; leaked descriptors are common and none of their business.
  if (place.descriptors > 0 && reading.kind === 'other') return 'descriptor';
  const isPlaced = command.cwd.startsWith('/') && place.shareOf(resolvePath('/', command.cwd)) !== undefined;
  return isPlaced ? undefined : 'outside-share';
}

function whyNot(reading: Reading, command: Command, place: CommandPlace): Reason | undefined {
  const reason = whyNotAnywhere(reading, command, place);
  if (reason !== undefined) return reason;
  const inShare = (path: string) => place.shareOf(resolvePath(command.cwd, path)) !== undefined;
  if (!reading.outputs.every(({ path }) => isNowhere(path) || inShare(path))) return 'outside-share';
  const seenEverywhere = (path: string) =>
    isNowhere(path) || isSystemPath(resolvePath(command.cwd, path)) || inShare(path);
  if (!namedPaths(reading, command).every(seenEverywhere)) return 'outside-share';
  if (environmentStays(command.env, seenEverywhere)) return 'outside-share';
  return reading.unprovable === undefined ? undefined : 'unprovable';
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

/** True if a variable ties the command to this machine: a preloaded library, or a directory for temporary files or libraries that others lack. */
function environmentStays(
  env: ReadonlyMap<string, string>,
  seenEverywhere: (path: string) => boolean,
): boolean {
  const temporary = env.get('TMPDIR');
  // Compilers put their intermediate files there; /tmp is on every machine.
  if (
    temporary !== undefined &&
    temporary !== '' &&
    !/^\/(?:var\/)?tmp\/*$/.test(temporary) &&
    !seenEverywhere(temporary)
  )
    return true;
  // fakeroot, faketime and sandboxes of package builders: what is preloaded talks to processes of this machine.
  const preload = env.get('LD_PRELOAD') ?? '';
  if (preload.trim() !== '') return true;
  const libraries = (env.get('LD_LIBRARY_PATH') ?? '').split(/[:;]/).filter((dir) => dir !== '');
  return !libraries.every(seenEverywhere);
}
