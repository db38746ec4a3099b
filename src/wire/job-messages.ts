/**
 * What passes on a job's stream in JSON: the offer, its answers and the result. Shapes and limits; the meaning stands in
 * docs/PROTOCOL.md.
 */
import * as v from 'valibot';
import type { Fact } from '../core/fact.ts';
import { factFields, type ReadReport, type ViewOffer } from '../core/view/contract.ts';
import {
  acceptedSchema,
  byteString,
  count,
  endingSchema,
  factSchema,
  loadReportSchema,
  mask,
  parseJson,
  path,
  refusedSchema,
  small,
  text,
} from './messages.ts';

const stdio = v.picklist(['closed', 'null', 'pipe', 'pty']);
const letters = { file: 'f', directory: 'd', link: 'l', other: 'o', absent: 'a' } as const;

/** A fact as it travels. */
export function packFact(fact: Fact): unknown {
  return [letters[fact.kind], fact.inode, fact.sizeBytes, fact.mtimeNs, fact.ctimeNs];
}

/** The first of these, as many as a REFUSED frame has room for beside its detail. */
export function fitting<Named extends { readonly path: string }>(
  all: readonly Named[],
  roomBytes = 40_000,
): readonly Named[] {
  let room = roomBytes;
  const end = all.findIndex(({ path: name }) => {
    // Odd bytes of a path take up to six in JSON; what stands beside it, 150 at most.
    room -= Buffer.byteLength(JSON.stringify(name)) + 150;
    return room < 0;
  });
  return end < 0 ? all : all.slice(0, end);
}

const seenSchema = v.pipe(
  v.tuple([path, factSchema]),
  v.transform(([path, fact]) => ({ path, fact })),
);
/** A path and what a machine sees there. */
export interface Seen {
  readonly path: string;
  readonly fact: Fact;
}
export function packSeen(seen: readonly Seen[]): unknown[] {
  return seen.map(({ path, fact }) => [path, packFact(fact)]);
}

const fieldsSchema = v.pipe(v.array(v.picklist(factFields)), v.maxLength(factFields.length));

const viewSchema = v.object({
  refresh: v.pipe(v.array(path), v.maxLength(70_000)),
  files: v.pipe(v.array(seenSchema), v.maxLength(70_000)),
  fields: fieldsSchema,
  knownReports: count,
});

/** A view's offer as it travels. */
export function packView(view: ViewOffer): unknown {
  return { ...view, files: packSeen(view.files) };
}

const reportSchema = v.object({
  /** Numbers that were read, as first and last of each run of them. */
  read: v.pipe(
    v.array(v.tuple([count, count])),
    v.maxLength(100_000),
    v.transform((ranges: [number, number][]) => numbersOf(ranges)),
  ),
  added: v.pipe(
    v.array(
      v.pipe(
        v.tuple([count, path, factSchema]),
        v.transform(([number, path, fact]) => ({ number, path, fact })),
      ),
    ),
    v.maxLength(100_000),
  ),
});

/** More entries than that no job reads. */
const maxRead = 1_000_000;

function numbersOf(ranges: readonly (readonly [number, number])[]): number[] {
  const numbers: number[] = [];
  for (const [first, last] of ranges) {
    if (last - first + numbers.length > maxRead) break;
    for (let number = first; number <= last; number += 1) numbers.push(number);
  }
  return numbers;
}

/** Rising numbers as runs: those that a job reads were mostly numbered together. */
function rangesOf(numbers: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges;
}

/** A report of what was read, as it travels. */
export function packReport(report: ReadReport): unknown {
  return {
    read: rangesOf(report.read),
    added: report.added.map(({ number, path, fact }) => [number, path, packFact(fact)]),
  };
}

const identity = v.pipe(v.string(), v.maxLength(80));

/** Files outside the share that were read and what they are there, as far as the submitter has not been told yet. */
const systemSchema = v.pipe(
  v.array(
    v.pipe(
      v.tuple([count, path, identity]),
      v.transform(([number, file, is]) => ({ number, path: file, identity: is })),
    ),
  ),
  v.maxLength(50_000),
);
export interface SystemFile {
  /** Numbered from 0 for each submitter in the life of the worker. */
  readonly number: number;
  readonly path: string;
  readonly identity: string;
}

const offerSchema = v.object({
  job: v.pipe(count, v.minValue(1)),
  attempt: v.pipe(count, v.minValue(1)),
  /** Root of the share: a real path, the same on both machines. */
  share: path,
  cwd: path,
  umask: v.pipe(count, v.maxValue(0o777)),
  stdin: v.picklist(['closed', 'null', 'pipe']),
  stdout: stdio,
  stderr: stdio,
  merged: v.boolean(),
  blocked: mask,
  ignored: mask,
  rows: small,
  columns: small,
  memoryBytes: count,
  kind: v.pipe(byteString, v.maxLength(16_384)),
  /** What it needs of the machine: programs and a digest each (empty: it is not to be found there). */
  programs: v.pipe(
    v.array(v.object({ path, digest: v.pipe(v.string(), v.maxLength(128)) })),
    v.maxLength(16),
  ),
  /** Digest of the CPU, where the command asks for what the CPU at hand can do. */
  cpu: v.optional(v.pipe(v.string(), v.maxLength(64))),
  view: viewSchema,
  /** The dependency file that tells what was read, under the name in which the worker will find it. */
  dependencies: v.optional(path),
  /** Nobody knows where it writes: look below these directories. */
  scan: v.pipe(v.array(path), v.maxLength(256)),
  /** Files that were written in place: open them anew, as their attributes may be remembered. */
  reopen: v.optional(v.pipe(v.array(path), v.maxLength(256)), []),
  /** Reports of system files below this number have come. */
  knownSystem: count,
  /** Where it will write, hidden names where there are any; absolute, below the share. */
  outputs: v.pipe(v.array(path), v.maxLength(4_096)),
});
export type Offer = v.InferOutput<typeof offerSchema>;

const resultSchema = v.variant('kind', [
  v.object({ kind: v.literal('spawn-failed'), detail: text, report: loadReportSchema }),
  v.object({
    kind: v.literal('ended'),
    ending: endingSchema,
    report: loadReportSchema,
    maxRssBytes: count,
    userMs: count,
    systemMs: count,
    wallMs: count,
    outputs: v.pipe(v.array(seenSchema), v.maxLength(4_096)),
    read: v.optional(reportSchema),
    system: v.optional(systemSchema),
  }),
]);
export type JobResult = v.InferOutput<typeof resultSchema>;
export type JobEnd = Extract<JobResult, { kind: 'ended' }>;

/** What a worker saw of the files after the run. */
export interface JobFacts {
  readonly outputs: readonly Seen[];
  readonly read?: ReadReport;
  readonly system?: readonly SystemFile[];
}

export type Accepted = v.InferOutput<typeof acceptedSchema>;

const maxParts = 256;

const toolSchema = v.object({
  /** As the command line names it. */
  name: path,
  /** Its version, where it tells one. */
  description: text,
  /** The files that make it up: path, build id or hash of the contents. */
  parts: v.pipe(
    v.array(
      v.pipe(
        v.tuple([path, identity]),
        v.transform(([file, is]) => ({ path: file, identity: is })),
      ),
    ),
    v.maxLength(maxParts),
  ),
});
/** A program on one machine. */
export type Tool = v.InferOutput<typeof toolSchema>;

/** A tool as it travels in a REFUSED frame: of its parts, as many as that surely holds. */
export function packTool({ name, description, parts }: Tool): unknown {
  // Its name alone may take 25 kB.
  const some = fitting(parts, 30_000).slice(0, maxParts);
  return {
    name,
    description: description.slice(0, 500),
    parts: some.map((part) => [part.path, part.identity]),
  };
}

const workerRefusedSchema = v.object({
  ...refusedSchema.entries,
  /** With `stale-view`: the files that are not seen as offered. */
  stale: v.optional(v.pipe(v.array(seenSchema), v.maxLength(70_000))),
  /** With `toolchain`: what differs, as it is on the worker. */
  tool: v.optional(toolSchema),
  /** With `native`: the worker's CPU, for people. */
  cpu: v.optional(text),
});
export type Refused = v.InferOutput<typeof workerRefusedSchema>;

const fetchSchema = v.object({ share: path, path });
/** Asks for the bytes of an output that is not seen. */
export type Fetch = v.InferOutput<typeof fetchSchema>;

/** Before the bytes: permissions; after them: how many there were. */
const fetchedSchema = v.union([
  v.object({ mode: v.pipe(count, v.maxValue(0o7777)) }),
  v.object({ sizeBytes: count }),
]);

export function parseFetch(payload: Uint8Array): Fetch {
  return parseJson('FETCH', fetchSchema, payload);
}
export function parseFetched(payload: Uint8Array): v.InferOutput<typeof fetchedSchema> {
  return parseJson('ACK', fetchedSchema, payload);
}
export function parseOffer(payload: Uint8Array): Offer {
  return parseJson('OFFER', offerSchema, payload);
}
export function parseAccepted(payload: Uint8Array): Accepted {
  return parseJson('ACCEPTED', acceptedSchema, payload);
}
export function parseRefused(payload: Uint8Array): Refused {
  return parseJson('REFUSED', workerRefusedSchema, payload);
}
export function parseResult(payload: Uint8Array): JobResult {
  return parseJson('RESULT', resultSchema, payload);
}
