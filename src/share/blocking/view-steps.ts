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
import { absent, type Fact } from '../../core/fact.ts';
import { joinPath } from '../../core/paths.ts';
import { isOwnName } from '../../core/share-layout.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';
import { type LookRequest, type Looks, putRecord, recordBytes } from '../look-answer.ts';
import { errorCode, look, meansAbsent, refreshDirectory, toFact } from './look.ts';

/** As swarmlook (C) does it, where that could not be compiled. */
export function takeLooks(input: LookRequest): Looks {
  const records = Buffer.alloc(input.paths.length * recordBytes);
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

function plainFact(path: string): Fact {
  try {
    const stats = lstatSync(toBytes(path), { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? absent : toFact(stats);
  } catch (error) {
    if (meansAbsent(error)) return absent;
    throw error;
  }
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

/**
 * What of and below `directories` was made or changed since `sinceMs` (by the share's clock), at most `limit` looks; hidden
 * names of attempts and `.buildswarm` are passed over. A directory comes before what is in it: that it changed is all
 * that tells of names that were taken away, and of directories that were swapped.
 */
export function changedBelow(input: {
  directories: readonly string[];
  sinceMs: number;
  limit: number;
}): { path: string; fact: Fact }[] {
  const changed: { path: string; fact: Fact }[] = [];
  const seen = new Set<string>();
  const waiting = [...input.directories];
  let looks = 0;
  const isChanged = (fact: Fact): boolean =>
    fact.kind !== 'absent' && Number(fact.ctimeNs.slice(0, -6)) >= input.sinceMs;
  for (
    let directory = waiting.shift();
    directory !== undefined && looks < input.limit;
    directory = waiting.shift()
  ) {
    if (seen.has(directory)) continue;
    seen.add(directory);
    const own = plainFact(directory);
    if (own.kind === 'directory' && isChanged(own)) changed.push({ path: directory, fact: own });
    let entries: Buffer[];
    try {
      entries = readdirSync(toBytes(directory), { encoding: 'buffer' });
    } catch (error) {
      if (meansAbsent(error) || errorCode(error) === 'EACCES') continue;
      throw error;
    }
    for (const name of entries) {
      const text = fromBytes(name);
      if (isOwnName(text)) continue;
      looks += 1;
      if (looks > input.limit) break;
      const path = joinPath(directory, text);
      const fact = plainFact(path);
      if (fact.kind === 'directory') waiting.push(path);
      else if (isChanged(fact)) changed.push({ path, fact: fact.kind === 'link' ? look(path, false) : fact });
    }
  }
  return changed;
}
