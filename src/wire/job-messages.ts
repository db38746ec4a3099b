/** What passes on a job's stream: the offer, its answers, the result, and an output that is sent. The meaning stands in docs/PROTOCOL.md. */
import * as v from 'valibot';
import { refusalCodes } from '../core/reason.ts';
import { factFields, type ReadReport } from '../core/view/contract.ts';
import { outsideLooks } from '../core/view/outside-name.ts';
import type { Payload } from './frame.ts';
import {
  maxAdded,
  maxAreas,
  maxBackgroundMs,
  maxDigestLength,
  maxFaults,
  maxIdentityLength,
  maxKindBytes,
  maxLeaseMs,
  maxMadeOutputs,
  maxOutputs,
  maxOutsideAnswers,
  maxPrograms,
  maxReopened,
  maxScanned,
  maxSeen,
  maxStale,
  maxTextLength,
  maxToolParts,
  maxTreeIdLength,
} from './limits.ts';
import { encodeU32, parseU32 } from './numbers.ts';
import { runsOf, runsSchema } from './runs.ts';
import {
  byteString,
  count,
  encodeJson,
  limits,
  listOf,
  mask,
  parseJson,
  path,
  plain,
  small,
  text,
  umask,
  type ValueOf,
  type WireOf,
} from './schema.ts';
import { treeFaultKinds } from './tree-messages.ts';
import {
  belowSchema,
  endingSchema,
  factSchema,
  loadReportSchema,
  packFact,
  packSeen,
  seenSchema,
} from './values.ts';

// OFFER

const stdio = v.picklist(['closed', 'null', 'pipe', 'pty']);
const viewSchema = v.object({
  refresh: listOf(path, maxSeen),
  files: listOf(seenSchema, maxSeen),
  fields: listOf(v.picklist(factFields), factFields.length),
  knownReports: count,
});

const offerSchema = v.object({
  job: v.pipe(count, v.minValue(1)),
  attempt: v.pipe(count, v.minValue(1)),
  /** Root of the share: a real path, the same on both machines. */
  share: path,
  cwd: path,
  umask,
  stdin: v.picklist(['closed', 'null', 'pipe']),
  stdout: stdio,
  stderr: stdio,
  merged: v.boolean(),
  blocked: mask,
  ignored: mask,
  nice: v.pipe(count, v.maxValue(19)),
  limits,
  rows: small,
  columns: small,
  /** How long what outlives the command may go on before it is left alone; 0: it is ended at once. */
  backgroundMs: v.pipe(count, v.maxValue(maxBackgroundMs)),
  /** How long it may go on without a word of the submitter; 0: for ever. */
  leaseMs: v.pipe(count, v.maxValue(maxLeaseMs)),
  memoryBytes: count,
  kind: v.pipe(byteString, v.maxLength(maxKindBytes)),
  /** What it needs of the machine: programs and a digest each (empty: it is not to be found there). */
  programs: listOf(v.object({ path, digest: v.pipe(v.string(), v.maxLength(maxDigestLength)) }), maxPrograms),
  /** Digest of the CPU, where the command asks for what the CPU at hand can do. */
  cpu: v.optional(v.pipe(v.string(), v.maxLength(maxDigestLength))),
  /** Digest of what its locale and the name of its directory mean, where another machine may take them otherwise. */
  surroundings: v.optional(v.pipe(v.string(), v.maxLength(maxDigestLength))),
  view: viewSchema,
  /** Tell all that it looked up: it is believed by that alone. */
  traced: v.boolean(),
  /** Nobody knows where it writes: look below these directories. */
  scan: listOf(path, maxScanned),
  /** Files that were written in place: open them anew, as their attributes may be remembered. */
  reopen: listOf(path, maxReopened),
  /** Nobody knows what changed below these directories: open all that is there anew. */
  reopenBelow: v.optional(belowSchema),
  /** Answers about names outside the share below this number have come. */
  knownOutside: count,
  /** Where it will write, hidden names where there are any; absolute, below the share. */
  outputs: listOf(path, maxOutputs),
  /** It runs in the submitter's own files. */
  served: v.optional(
    v.object({
      /** As it was opened on a stream of its own. */
      tree: v.pipe(plain, v.minLength(1), v.maxLength(maxTreeIdLength)),
      /** The worker must have taken in what changed until then. */
      generation: count,
      /** Real paths of the directories that it may write below. */
      areas: listOf(path, maxAreas),
      /** Its stdout is a file, whose content at its end is what it printed: it may seek there. */
      spooled: v.optional(v.boolean()),
    }),
  ),
});
/** A job, put to a worker. */
export type Offer = ValueOf<typeof offerSchema>;

export function encodeOffer(offer: Offer): Payload<'OFFER'> {
  const { view } = offer;
  const wire: WireOf<typeof offerSchema> = { ...offer, view: { ...view, files: packSeen(view.files) } };
  return encodeJson<'OFFER'>(wire);
}
export function parseOffer(payload: Uint8Array): Offer {
  return parseJson('OFFER', offerSchema, payload);
}

// ACCEPTED

const acceptedSchema = v.object({ report: loadReportSchema });
export type Accepted = ValueOf<typeof acceptedSchema>;

export function encodeAccepted(accepted: Accepted): Payload<'ACCEPTED'> {
  return encodeJson<'ACCEPTED'>(accepted satisfies WireOf<typeof acceptedSchema>);
}
export function parseAccepted(payload: Uint8Array): Accepted {
  return parseJson('ACCEPTED', acceptedSchema, payload);
}

// REFUSED

const identity = v.pipe(v.string(), v.maxLength(maxIdentityLength));

const toolSchema = v.object({
  /** As the command line names it. */
  name: path,
  /** Its version, where it tells one. */
  description: text,
  /** The files that make it up: path, build id or hash of the contents. */
  parts: listOf(
    v.pipe(
      v.tuple([path, identity]),
      v.transform(([path, identity]) => ({ path, identity })),
    ),
    maxToolParts,
  ),
});
/** A program on one machine. */
export type Tool = ValueOf<typeof toolSchema>;

const refusedSchema = v.object({
  code: v.picklist(refusalCodes),
  report: v.optional(loadReportSchema),
  detail: v.optional(text),
  /** With `stale-view`: the files that are not seen as offered. */
  stale: v.optional(listOf(seenSchema, maxStale)),
  /** With `toolchain`: what differs, as it is on the worker. */
  tool: v.optional(toolSchema),
  /** With `native`: the worker's CPU, for people. */
  cpu: v.optional(text),
});
export type Refused = ValueOf<typeof refusedSchema>;

/** Room in a REFUSED frame for what stands in lists: what does not fit is told when the next offer names it. */
const staleBytes = 40_000;
/** The name of a tool alone may take 25 kB. */
const partsBytes = 30_000;

/** The first of these, as many as there is room for. */
function fitting<Named extends { readonly path: string }>(
  all: readonly Named[],
  roomBytes: number,
): readonly Named[] {
  let room = roomBytes;
  const end = all.findIndex(({ path: name }) => {
    // Odd bytes of a path take up to six in JSON; what stands beside it, 150 at most.
    room -= Buffer.byteLength(JSON.stringify(name)) + 150;
    return room < 0;
  });
  return end < 0 ? all : all.slice(0, end);
}

/** Of long texts and lists it tells as much as fits. */
export function encodeRefused({ code, report, detail, stale, tool, cpu }: Refused): Payload<'REFUSED'> {
  const wire: WireOf<typeof refusedSchema> = {
    code,
    report,
    detail: detail?.slice(0, maxTextLength),
    stale: stale && packSeen(fitting(stale, staleBytes)),
    tool: tool && packTool(tool),
    cpu: cpu?.slice(0, maxTextLength),
  };
  return encodeJson<'REFUSED'>(wire);
}

function packTool({ name, description, parts }: Tool): WireOf<typeof toolSchema> {
  return {
    name,
    description: description.slice(0, 500),
    parts: fitting(parts, partsBytes)
      .slice(0, maxToolParts)
      .map((part) => [part.path, part.identity]),
  };
}

export function parseRefused(payload: Uint8Array): Refused {
  return parseJson('REFUSED', refusedSchema, payload);
}

// RESULT

const readSchema = v.object({
  /** Numbers that were read, as first and last of each run of them. */
  read: runsSchema,
  added: listOf(
    v.pipe(
      v.tuple([count, path, factSchema]),
      v.transform(([number, path, fact]) => ({ number, path, fact })),
    ),
    maxAdded,
  ),
});

function packRead(report: ReadReport): WireOf<typeof readSchema> {
  return {
    read: runsOf(report.read),
    added: report.added.map(({ number, path, fact }) => [number, path, packFact(fact)]),
  };
}

const outsideLook = v.picklist(outsideLooks);
/** Names outside the share that were looked up: numbers as of files, and answers that the submitter may not have yet. */
const outsideSchema = v.object({
  used: runsSchema,
  added: listOf(
    v.pipe(
      v.tuple([count, outsideLook, path, identity]),
      v.transform(([number, look, path, answer]) => ({ number, look, path, answer })),
    ),
    maxOutsideAnswers,
  ),
});
export type OutsideReport = ValueOf<typeof outsideSchema>;
/** What a worker answered to one of them; numbered from 0 for each submitter in the life of the worker. */
export type OutsideAnswer = OutsideReport['added'][number];

function packOutside({ used, added }: OutsideReport): WireOf<typeof outsideSchema> {
  return {
    used: runsOf(used),
    added: added.map(({ number, look, path, answer }) => [number, look, path, answer]),
  };
}

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
    /** Processes that it left in the background, and that live on. */
    left: count,
    outputs: listOf(seenSchema, maxMadeOutputs),
    /** Of a traced command. */
    read: v.optional(readSchema),
    outside: v.optional(outsideSchema),
    /** Of a traced command: why its trace proves nothing. */
    gap: v.optional(text),
    /** Of an opaque command on a shared tree: why it had the worker's own places for what is temporary. */
    notApart: v.optional(text),
    /** Of an opaque command on a shared tree: why more may have changed below `scan` than is told. */
    unscanned: v.optional(text),
    /** Files of the share that it read and then changed itself. */
    replaced: v.optional(listOf(path, maxOutputs)),
    /** Of a served command: what it could not have as the submitter has it. */
    faults: v.optional(listOf(v.object({ kind: v.picklist(treeFaultKinds), path }), maxFaults)),
  }),
]);
export type JobResult = ValueOf<typeof resultSchema>;
export type JobEnd = Extract<JobResult, { kind: 'ended' }>;
/** What a worker saw of the files after the run. */
export type JobFacts = Pick<
  JobEnd,
  'outputs' | 'read' | 'outside' | 'gap' | 'notApart' | 'unscanned' | 'replaced' | 'faults'
>;

export function encodeResult(result: JobResult): Payload<'RESULT'> {
  const wire: WireOf<typeof resultSchema> =
    result.kind === 'spawn-failed'
      ? { ...result, detail: result.detail.slice(0, maxTextLength) }
      : {
          ...result,
          outputs: packSeen(result.outputs),
          read: result.read && packRead(result.read),
          outside: result.outside && packOutside(result.outside),
          gap: result.gap?.slice(0, maxTextLength),
          notApart: result.notApart?.slice(0, maxTextLength),
          unscanned: result.unscanned?.slice(0, maxTextLength),
        };
  return encodeJson<'RESULT'>(wire);
}
export function parseResult(payload: Uint8Array): JobResult {
  return parseJson('RESULT', resultSchema, payload);
}

// CREDIT

/** @param bytes - so many more bytes of output may come. */
export function encodeCredit(bytes: number): Payload<'CREDIT'> {
  return encodeU32(bytes);
}
export function parseCredit(payload: Uint8Array): number {
  return parseU32('CREDIT', payload);
}

// FETCH, ACK

const fetchSchema = v.object({ share: path, path });
/** Asks for the bytes of an output that is not seen. */
export type Fetch = ValueOf<typeof fetchSchema>;

export function encodeFetch(fetch: Fetch): Payload<'FETCH'> {
  return encodeJson<'FETCH'>(fetch satisfies WireOf<typeof fetchSchema>);
}
export function parseFetch(payload: Uint8Array): Fetch {
  return parseJson('FETCH', fetchSchema, payload);
}

const ackSchema = v.union([
  v.object({ mode: v.pipe(count, v.maxValue(0o7777)) }),
  v.object({ sizeBytes: count }),
]);
/** Before the bytes: permissions; after them: how many there were. */
export type Ack = ValueOf<typeof ackSchema>;

export function encodeAck(ack: Ack): Payload<'ACK'> {
  return encodeJson<'ACK'>(ack satisfies WireOf<typeof ackSchema>);
}
export function parseAck(payload: Uint8Array): Ack {
  return parseJson('ACK', ackSchema, payload);
}
