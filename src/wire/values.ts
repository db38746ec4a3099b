/** What several messages speak of: load reports, facts of files, ends of commands. */
import * as v from 'valibot';
import type { Fact } from '../core/fact.ts';
import {
  maxAddresses,
  maxAddressLength,
  maxIdLength,
  maxNameLength,
  maxPathBytes,
  maxReasonLength,
  maxReasons,
  maxReopenedBelow,
  maxSlots,
  maxVersionLength,
} from './limits.ts';
import { byteString, count, listOf, path, plain, small, type ValueOf, type WireOf } from './schema.ts';

/** Version of the program, for people. */
export const version = v.pipe(plain, v.maxLength(maxVersionLength));

export const loadReportSchema = v.object({
  id: v.pipe(plain, v.minLength(1), v.maxLength(maxIdLength)),
  incarnation: count,
  sequence: count,
  name: v.pipe(v.string(), v.maxLength(maxNameLength)),
  version,
  addresses: listOf(v.pipe(plain, v.maxLength(maxAddressLength)), maxAddresses),
  slots: v.pipe(count, v.maxValue(maxSlots)),
  running: small,
  queued: small,
  load: v.pipe(v.number(), v.minValue(0), v.maxValue(65_535)),
  memoryFreeBytes: count,
  speed: v.pipe(v.number(), v.minValue(0.01), v.maxValue(100)),
  state: v.picklist(['ready', 'refusing']),
  served: v.optional(v.boolean()),
  reasons: listOf(v.pipe(plain, v.maxLength(maxReasonLength)), maxReasons),
});

/** Directories below which nobody knows what changed. */
export const belowSchema = v.object({
  /** Rises with each directory that is told of; what has been opened for a number need not be for a lower one. */
  upTo: count,
  directories: listOf(path, maxReopenedBelow),
});

const nanoseconds = v.pipe(v.string(), v.regex(/^-?\d{1,20}$/u, 'is not a number'));
/** Of a link also what it leads to, see linkFact in src/share/blocking/look.ts. */
const inode = v.pipe(
  byteString,
  v.maxLength(maxPathBytes + 64),
  v.regex(/^\d{1,20}(?:>[^]*)?$/u, 'is not an inode'),
);
/** -1: a link that leads nowhere. */
const sizeBytes = v.pipe(v.number(), v.safeInteger(), v.minValue(-1));

const kinds = { f: 'file', d: 'directory', l: 'link', o: 'other', a: 'absent' } as const;
const letters = { file: 'f', directory: 'd', link: 'l', other: 'o', absent: 'a' } as const;

/** On the wire a fact is a tuple: there may be thousands of them. */
export const factSchema = v.pipe(
  v.tuple([v.picklist(['f', 'd', 'l', 'o', 'a']), inode, sizeBytes, nanoseconds, nanoseconds]),
  v.transform(
    ([kind, inode, sizeBytes, mtimeNs, ctimeNs]): Fact => ({
      kind: kinds[kind],
      inode,
      sizeBytes,
      mtimeNs,
      ctimeNs,
    }),
  ),
);

export function packFact(fact: Fact): WireOf<typeof factSchema> {
  return [letters[fact.kind], fact.inode, fact.sizeBytes, fact.mtimeNs, fact.ctimeNs];
}

export const seenSchema = v.pipe(
  v.tuple([path, factSchema]),
  v.transform(([path, fact]) => ({ path, fact })),
);
/** A path and what a machine sees there. */
export type Seen = ValueOf<typeof seenSchema>;

export function packSeen(seen: readonly Seen[]): WireOf<typeof seenSchema>[] {
  return seen.map(({ path, fact }) => [path, packFact(fact)]);
}

export const endingSchema = v.variant('kind', [
  v.object({ kind: v.literal('exited'), status: v.pipe(count, v.maxValue(255)) }),
  v.object({
    kind: v.literal('signaled'),
    signal: v.pipe(count, v.minValue(1), v.maxValue(64)),
    core: v.boolean(),
  }),
]);
