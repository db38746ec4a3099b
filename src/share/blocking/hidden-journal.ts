/**
 * Where hidden names of served jobs' files may lie: a journal, of the prefix of one peer's names and then of directories, each
 * ended by a NUL. Of a peer that was killed they are removed by it. Synchronous: runs in a disk thread.
 */
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import { type ByteString, fromBytes, toBytes } from '../../wire/bytes.ts';
import { RealDirectory } from './real-directory.ts';

const mostNameBytes = 255;
const anyPrefix = /^\.buildswarm-[0-9a-f]{16}-$/;

/** Comes before the first name is made in a directory. @returns whether it is noted: what cannot be is not found later. */
export function noteDirectory(journal: string | undefined, directory: ByteString): boolean {
  if (journal === undefined) return false;
  try {
    appendFileSync(journal, toBytes(`${directory}\0`));
    return true;
  } catch {
    return false; // the next name tries again: there may be room then
  }
}

/** A name under which a directory is moved out of the way, so that whoever finds it knows what it was. */
export function asideName(fresh: string, was: ByteString): ByteString {
  const name = `${fresh}=${was}`;
  return name.length <= mostNameBytes ? name : fresh;
}

/**
 * Removes all that a peer, which is gone, has left under hidden names; a directory that it had moved out of the way is put
 * back where nothing has its name.
 */
export function sweepJournal(journal: string): void {
  let content: Buffer;
  try {
    content = readFileSync(journal);
  } catch {
    // It has written nothing, or nothing of it can be read.
    return;
  }
  // What stands behind the last NUL was cut off, and no name was made there.
  const [prefix = '', ...directories] = fromBytes(content).split('\0').slice(0, -1);
  if (!anyPrefix.test(prefix)) return;
  for (const path of new Set(directories)) {
    try {
      RealDirectory.within(path, (directory) => sweepDirectory(directory, prefix));
    } catch {
      // One that is closed to us by now keeps no other from being swept.
    }
  }
}

function sweepDirectory(directory: RealDirectory, prefix: string): void {
  const names = readdirSync(directory.place, { encoding: 'buffer' }).map(fromBytes);
  for (const name of names) if (name.startsWith(prefix)) sweepName(directory, name);
}

function sweepName(directory: RealDirectory, name: ByteString): void {
  if (directory.look(name)?.isDirectory() !== true) return unlinkSync(directory.at(name));
  const [, was] = /^[^=]*=(.+)$/s.exec(name) ?? [];
  if (was !== undefined && directory.look(was) === undefined)
    renameSync(directory.at(name), directory.at(was));
  else rmSync(directory.at(name), { recursive: true, force: true });
}
