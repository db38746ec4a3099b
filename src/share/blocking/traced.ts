/** What the trace of a job says, and what this machine sees of the files that it names. Synchronous: runs in a disk thread. */
import { closeSync, fstatSync, lstatSync, openSync, readSync, statSync } from 'node:fs';
import { absent, type Fact } from '../../core/fact.ts';
import { readTrace, type StampedName, type TraceContext } from '../../core/view/trace.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';
import { meansAbsent, toFact } from './look.ts';
import { outsideStamps } from './stamps.ts';

/** Where the records begin, see src/native/swarmtrace. */
export const recordsAt = 4096;

export interface TracedFiles {
  /** Why this does not prove anything; undefined if it does. */
  readonly gap: string | undefined;
  /** Files of the share that were looked at, and directories in which names were looked up (a fact without times). */
  readonly read: { path: string; fact: Fact }[];
  readonly outside: readonly StampedName[];
  /** Files that were read and then changed. */
  readonly replaced: readonly string[];
  /** What was made or changed in the share besides the outputs by plan, and is there. */
  readonly made: { path: string; fact: Fact }[];
}

/** Stands for "names were looked up in it": what it is itself the submitter knows. */
const searchedFact: Fact = { ...absent, kind: 'directory' };

/**
 * `stat`, not open, for what was read: the attributes that the command's own open brought are the ones that tell what
 * it read.
 */
export function traced(input: { trace: string; context: TraceContext }): TracedFiles {
  const found = readTrace(recordsOf(input.trace), input.context);
  const read: { path: string; fact: Fact }[] = [];
  for (const path of found.files) {
    const fact = factOf(path, true);
    // That it is there is told by the directory that it is in; nothing was looked up in it.
    if (fact.kind !== 'directory') read.push({ path, fact });
  }
  for (const path of found.searched) read.push({ path, fact: searchedFact });
  const left = found.madeOutside.find((path) => factOf(path, false).kind !== 'absent');
  const stamps = outsideStamps(found.outside);
  return {
    gap: found.gap ?? (left === undefined ? undefined : `it left ${left} there`),
    read,
    outside: found.outside.map((name, at) => ({ ...name, stamp: stamps[at] ?? '' })),
    replaced: found.replaced,
    made: found.made
      .map((path) => ({ path, fact: factOf(path, false) }))
      .filter(({ fact }) => fact.kind !== 'absent'),
  };
}

/** @throws Error if there were more than the trace has room for. */
function recordsOf(trace: string): string {
  const descriptor = openSync(toBytes(trace), 'r');
  try {
    const head = Buffer.alloc(8);
    readSync(descriptor, head, 0, head.length, 0);
    const usedBytes = Number(head.readBigUInt64LE());
    if (usedBytes > fstatSync(descriptor).size)
      throw new Error('the command looked up more names than a trace holds');
    const records = Buffer.allocUnsafe(usedBytes - recordsAt);
    readSync(descriptor, records, 0, records.length, recordsAt);
    return fromBytes(records);
  } finally {
    closeSync(descriptor);
  }
}

function factOf(path: string, followed: boolean): Fact {
  try {
    const look = followed ? statSync : lstatSync;
    const stats = look(toBytes(path), { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? absent : toFact(stats);
  } catch (error) {
    if (meansAbsent(error)) return absent;
    throw error;
  }
}
