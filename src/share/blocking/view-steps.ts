/** What the views of jobs ask of the disk, a step at a time. Synchronous: runs in a disk thread. */
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import { type Fact, factBytes } from '../../core/fact.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';
import { type LookRequest, type Looks, putRecord } from '../look-answer.ts';
import { errorCode, meansAbsent, refreshDirectory } from './look.ts';
import { plainFact } from './walk.ts';

/** As swarmlook (C) does it, where that could not be compiled. */
export function takeLooks(input: LookRequest): Looks {
  const records = Buffer.alloc(input.paths.length * factBytes);
  for (const [index, path] of input.paths.entries()) putRecord(records, index, plainFact(path));
  return {
    records,
    targets: input.links.map((path) => {
      try {
        return fromBytes(readlinkSync(toBytes(path), { encoding: 'buffer' }));
      } catch (error) {
        if (meansAbsent(error) || errorCode(error) === 'EINVAL') return undefined;
        throw error;
      }
    }),
    names: input.lists.map(subDirectories),
  };
}

function subDirectories(path: string): string[] {
  try {
    return readdirSync(toBytes(path), { encoding: 'buffer', withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? fromBytes(entry.name as unknown as Uint8Array) : [],
    );
  } catch (error) {
    if (meansAbsent(error) || errorCode(error) === 'EACCES') return [];
    throw error;
  }
}

/** Permissions of a regular file; anything else cannot be sent. */
export function modeOf(path: string): number {
  const stats = lstatSync(toBytes(path));
  if (!stats.isFile()) throw new Error('it is no regular file');
  return stats.mode & 0o7777;
}

/** Changes the ctime of each directory and tells what it is then. */
export function bumpAll(directories: readonly string[]): {
  facts: { path: string; fact: Fact }[];
  failed: string[];
} {
  const facts: { path: string; fact: Fact }[] = [];
  const failed: string[] = [];
  for (const path of directories) {
    try {
      const descriptor = openSync(toBytes(path), constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        chmodSync(toBytes(path), fstatSync(descriptor).mode & 0o7777);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      if (!meansAbsent(error)) failed.push(path);
    }
    facts.push({ path, fact: refreshDirectory(path) });
  }
  return { facts, failed };
}
