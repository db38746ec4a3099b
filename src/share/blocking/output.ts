/**
 * Outputs under hidden names: looking, renaming, removing, and bytes of them. Synchronous: runs in a disk thread.
 */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Fact } from '../../core/fact.ts';
import { joinPath, parentOf } from '../../core/paths.ts';
import { hiddenPath, isHidden } from '../../core/share-layout.ts';
import { type Enough, isOutputSeen } from '../../core/view/outputs.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';
import type {
  CommitRequest,
  Committed,
  Expectation,
  RenameFailure,
  Renaming,
  Unseen,
} from '../commit-work.ts';
import { errorCode, look, meansAbsent, refreshDirectory } from './look.ts';
import { removeName } from './member.ts';
import { obstacleOfOutput } from './named.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;

function isSeen(seen: Fact, expected: Fact | undefined, enough: Enough): boolean {
  return expected !== undefined && isOutputSeen(seen, expected, enough);
}

/**
 * Paths of which this machine does not see the expected fact, and what it sees. The plain look comes first: a name
 * that was never looked up is asked of the server anyway, and what is equal cannot be stale. Only then the directory
 * is refreshed and the file opened.
 */
export function lookOtherwise(input: Expectation): Unseen[] {
  const otherwise: Unseen[] = [];
  const refreshed = new Set<string>();
  input.paths.forEach((path, n) => {
    if (isSeen(look(path, false), input.facts[n], input)) return;
    refreshWay(parentOf(path), refreshed);
    const seen = look(path, true);
    if (!isSeen(seen, input.facts[n], input)) otherwise.push({ path, seen });
  });
  return otherwise;
}

/** Refreshes a directory, and where it is not there those above it first: its own name may be what is not yet seen. */
function refreshWay(directory: string, refreshed: Set<string>): void {
  if (refreshed.has(directory)) return;
  refreshed.add(directory);
  if (refreshDirectory(directory).kind !== 'absent' || directory === '/') return;
  refreshWay(parentOf(directory), refreshed);
  refreshDirectory(directory);
}

/**
 * Renames each hidden file to its real name, in the order given, and stops at the first that fails. What would have
 * been truncated rather than replaced keeps the permissions that it had.
 */
function renameAll(outputs: readonly Renaming[]): {
  readonly renamed: number;
  readonly failure?: RenameFailure;
} {
  let renamed = 0;
  for (const { hidden, path, role } of outputs) {
    try {
      const target = lstatSync(toBytes(path), { throwIfNoEntry: false });
      if (target !== undefined) {
        const obstacle = obstacleOfOutput({ path, role });
        if (obstacle !== undefined)
          return { renamed, failure: { path, code: 'OBSTACLE', message: obstacle } };
        const isTruncated = role !== 'object' && role !== 'executable';
        if (isTruncated) keepMode(hidden, target.mode & 0o777);
      }
      renameSync(toBytes(hidden), toBytes(path));
      renamed++;
    } catch (error) {
      const { message } = error as Error;
      return { renamed, failure: { path, code: errorCode(error), message } };
    }
  }
  return { renamed };
}

/** Renames all if all hidden names are seen as expected, else none; then removes what is not wanted any more. */
export function renameIfSeen(input: CommitRequest): Committed {
  const unseen = lookOtherwise(input.expected);
  if (unseen.length > 0) return { unseen };
  const result = renameAll(input.outputs);
  if (result.failure === undefined) removeAll(input.unwanted);
  return result;
}

function keepMode(path: string, mode: number): void {
  if ((lstatSync(toBytes(path)).mode & 0o777) !== mode) chmodSync(toBytes(path), mode);
}

/** Removes names; those that are gone are fine. */
export function removeAll(paths: readonly string[]): number {
  return paths.filter(removeName).length;
}

/** Every hidden name in a directory, with its age by that file system's clock `nowMs`. */
export function listHidden(input: {
  readonly directories: readonly string[];
}): { readonly path: string; readonly mtimeMs: number }[] {
  const found: { path: string; mtimeMs: number }[] = [];
  for (const directory of input.directories) {
    let names: string[];
    try {
      names = readdirSync(toBytes(directory), { encoding: 'buffer' }).map(fromBytes);
    } catch (error) {
      if (meansAbsent(error) || errorCode(error) === 'EACCES') continue;
      throw error;
    }
    for (const name of names) {
      if (!isHidden(name)) continue;
      const path = joinPath(directory, name);
      const stats = lstatSync(toBytes(path), { throwIfNoEntry: false });
      if (stats === undefined || stats.isDirectory()) continue;
      found.push({ path, mtimeMs: stats.mtimeMs });
    }
  }
  return found;
}

/** Reads a piece of a regular file; shorter at its end. */
export function readPiece(input: {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}): Uint8Array {
  const descriptor = openSync(toBytes(input.path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const piece = new Uint8Array(input.length);
    let length = 0;
    for (let got = -1; got !== 0 && length < piece.length; length += got)
      got = readSync(descriptor, piece, length, piece.length - length, input.offset + length);
    return piece.subarray(0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** Makes a new file (it must not exist) or appends to it; errors of a late write come with the close. */
export function writePiece(input: {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
  readonly isFirst: boolean;
}): Fact {
  const { path, bytes, mode, isFirst } = input;
  const flags = isFirst ? O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW : O_WRONLY | O_APPEND | O_NOFOLLOW;
  const descriptor = openSync(toBytes(path), flags, mode);
  let open = true;
  try {
    writeFileSync(descriptor, bytes);
    open = false;
    closeSync(descriptor);
  } catch (error) {
    // A close that failed has closed nevertheless.
    if (open) closeSync(descriptor);
    unlinkSync(toBytes(path));
    throw error;
  }
  if (isFirst) chmodSync(toBytes(path), mode);
  return look(path, true);
}

/** Changes the ctime of each directory: by its mode, or where it is not ours by a file made and removed. */
export function touchAll(directories: readonly string[]): void {
  for (const directory of directories) {
    const bytes = toBytes(directory);
    try {
      const descriptor = openSync(bytes, O_RDONLY | constants.O_DIRECTORY | O_NONBLOCK);
      let mode: number;
      try {
        mode = fstatSync(descriptor).mode & 0o7777;
      } finally {
        closeSync(descriptor);
      }
      chmodSync(bytes, mode);
    } catch (error) {
      if (meansAbsent(error)) continue;
      if (errorCode(error) !== 'EPERM' && errorCode(error) !== 'EACCES') throw error;
      const name = toBytes(hiddenPath(joinPath(directory, String(process.pid)), 'touch'));
      try {
        closeSync(openSync(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
        unlinkSync(name);
      } catch (error) {
        // Not ours and not writable: then we have changed nothing in it either.
        if (!['EACCES', 'EPERM', 'EEXIST', 'EROFS'].includes(errorCode(error))) throw error;
      }
    }
  }
}
