/**
 * The shapes of the payloads that come from outside, each with its parser: bytes in, a checked value out, or a
 * FrameError with a sentence. Every string and list has a limit; fields that are not known are dropped.
 */
import * as v from 'valibot';
import type { Fact } from '../core/fact.ts';
import type { LoadReport } from '../core/load-report.ts';
import { refusalCodes } from '../core/reason.ts';
import type { Ending } from '../core/schedule/contract.ts';
import { type ByteString, splitNul } from './bytes.ts';
import { FrameError } from './frame.ts';

/** Longest path that is taken, in bytes (Linux has 4096). */
const maximumPath = 4_096;

/** Longest name of a peer. */
const maximumName = 64;

export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const small = v.pipe(count, v.maxValue(65_535));
const slots = v.pipe(count, v.maxValue(4_096));
/** Printable ASCII without quote and backslash, so that it is no longer as JSON: 256 reports must fit a GOSSIP frame. */
const plain = v.pipe(v.string(), v.regex(/^[ !#-[\]-~]*$/u, 'has characters that are not allowed'));
const word = v.pipe(plain, v.maxLength(64));
const id = v.pipe(plain, v.minLength(1), v.maxLength(128));
export const text = v.pipe(v.string(), v.maxLength(1_024));
export const byteString = v.pipe(v.string(), v.check(isByteString, 'is no string of bytes'));
export const path = v.pipe(byteString, v.maxLength(maximumPath));
/** A mask of 64 signals, hexadecimal. */
export const mask = v.pipe(v.string(), v.regex(/^[0-9a-fA-F]{1,16}$/u, 'is no mask of signals'));

export const loadReportSchema = v.object({
  id,
  incarnation: count,
  sequence: count,
  name: v.pipe(v.string(), v.maxLength(maximumName)),
  version: word,
  addresses: v.pipe(v.array(v.pipe(plain, v.maxLength(128))), v.maxLength(16)),
  slots,
  running: small,
  queued: small,
  load: v.pipe(v.number(), v.minValue(0), v.maxValue(65_535)),
  memoryFreeBytes: count,
  speed: v.pipe(v.number(), v.minValue(0.01), v.maxValue(100)),
  state: v.picklist(['ready', 'refusing']),
  reasons: v.pipe(v.array(v.pipe(plain, v.maxLength(32))), v.maxLength(16)),
});

export const helloSchema = v.object({
  version: word,
  report: loadReportSchema,
  shares: v.pipe(v.array(path), v.maxLength(64)),
});
export const gossipSchema = v.object({ reports: v.pipe(v.array(loadReportSchema), v.maxLength(256)) });
export const freeSchema = v.object({ report: loadReportSchema });
export const acceptedSchema = v.object({ report: loadReportSchema });
export const refusedSchema = v.object({
  code: v.picklist(refusalCodes),
  report: v.optional(loadReportSchema),
  detail: v.optional(text),
});

/** What one of the three first descriptors of a wrapper is. */
export const streamKinds = ['closed', 'null', 'file', 'pipe', 'socket', 'tty', 'other'] as const;
export type StreamKind = (typeof streamKinds)[number];
const stream = v.picklist(streamKinds);

const nanoseconds = v.pipe(v.string(), v.regex(/^-?\d{1,20}$/u, 'is no number'));
const kinds = { f: 'file', d: 'directory', l: 'link', o: 'other', a: 'absent' } as const;

/** Of a link also what it leads to, see linkFact in src/share/blocking/look.ts. */
const inode = v.pipe(
  byteString,
  v.maxLength(maximumPath + 64),
  v.regex(/^\d{1,20}(?:>[^]*)?$/u, 'is no inode'),
);
/** -1: a link that leads nowhere. */
const sizeBytes = v.pipe(v.number(), v.safeInteger(), v.minValue(-1));

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

/** What a job is besides its arguments and environment, as put to a worker. Spread `entries` to add fields. */
export const offerSchema = v.object({
  job: count,
  attempt: v.pipe(count, v.minValue(1)),
  cwd: path,
  umask: v.pipe(count, v.maxValue(0o777)),
  stdin: stream,
  stdout: stream,
  stderr: stream,
  merged: v.boolean(),
  blocked: mask,
  ignored: mask,
  rows: small,
  columns: small,
  memoryBytes: count,
  kind: v.pipe(byteString, v.maxLength(2 * maximumPath)),
  outputs: v.pipe(v.array(path), v.maxLength(256)),
});

const signal = v.pipe(count, v.minValue(1), v.maxValue(64));
export const endingSchema = v.variant('kind', [
  v.object({ kind: v.literal('exited'), status: v.pipe(count, v.maxValue(255)) }),
  v.object({ kind: v.literal('signaled'), signal, core: v.boolean() }),
]);

export const resultSchema = v.object({
  ending: endingSchema,
  report: loadReportSchema,
  maxRssBytes: count,
  userMs: count,
  systemMs: count,
});

const sharesSchema = v.object({
  shares: v.pipe(
    v.array(
      v.object({
        root: path,
        /** How long the kernel there believes attributes. */
        cacheMaxMs: v.pipe(count, v.maxValue(86_400_000)),
        /** It judges directories by their times alone (NFSv3). */
        timesOnly: v.boolean(),
        /** What the sender sees of its own member file: compared, it tells which fields of facts agree. */
        member: factSchema,
        /** The receiver's member file was found there: the sender takes its jobs. */
        seen: v.optional(v.boolean(), false),
      }),
    ),
    v.maxLength(64),
  ),
});
export type Shares = v.InferOutput<typeof sharesSchema>;

export type Hello = v.InferOutput<typeof helloSchema>;
export type Gossip = v.InferOutput<typeof gossipSchema>;
export type Free = v.InferOutput<typeof freeSchema>;
export type Accepted = v.InferOutput<typeof acceptedSchema>;
export type Refused = v.InferOutput<typeof refusedSchema>;
export type Offer = v.InferOutput<typeof offerSchema>;
export type Result = v.InferOutput<typeof resultSchema>;

/** One character for each byte, and no NUL: it ends every string of the system. */
function isByteString(value: string): boolean {
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code === 0 || code > 0xff) return false;
  }
  return true;
}

type Schema<T> = v.GenericSchema<unknown, T>;
const textDecoder = new TextDecoder('utf-8', { fatal: true });

/**
 * A JSON payload as a value of `schema`.
 *
 * @param what - names the message in the error, for example `HELLO`.
 * @throws FrameError if it is no JSON or not of this shape; the connection it came on must end.
 */
export function parseJson<T>(what: string, schema: Schema<T>, payload: Uint8Array): T {
  let value: unknown;
  try {
    value = JSON.parse(textDecoder.decode(payload));
  } catch {
    throw new FrameError(`a ${what} message of ${payload.length} bytes is no JSON`);
  }
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (!parsed.success) throw malformed(what, parsed.issues[0]);
  return parsed.output;
}

function malformed(what: string, issue: v.BaseIssue<unknown>): FrameError {
  const at = v.getDotPath(issue);
  return new FrameError(
    `a ${what} message is malformed${at === null ? '' : ` at ${at.slice(0, 100)}`}: ${issue.message.slice(0, 200)}`,
  );
}

export function parseLoadReport(payload: Uint8Array): LoadReport {
  return parseJson('load report', loadReportSchema, payload);
}
export function parseHello(payload: Uint8Array): Hello {
  return parseJson('HELLO', helloSchema, payload);
}
export function parseGossip(payload: Uint8Array): Gossip {
  return parseJson('GOSSIP', gossipSchema, payload);
}
export function parseShares(payload: Uint8Array): Shares {
  return parseJson('SHARES', sharesSchema, payload);
}
export function parseFree(payload: Uint8Array): Free {
  return parseJson('FREE', freeSchema, payload);
}
export function parseAccepted(payload: Uint8Array): Accepted {
  return parseJson('ACCEPTED', acceptedSchema, payload);
}
export function parseRefused(payload: Uint8Array): Refused {
  return parseJson('REFUSED', refusedSchema, payload);
}
export function parseOffer(payload: Uint8Array): Offer {
  return parseJson('OFFER', offerSchema, payload);
}
export function parseResult(payload: Uint8Array): Result {
  return parseJson('RESULT', resultSchema, payload);
}

// EXIT

/** EXIT as the wrapper is told it. */
export function encodeExit(ending: Ending): Buffer {
  return Buffer.from(
    ending.kind === 'exited' ? [0, ending.status & 0xff, 0] : [1, ending.signal, ending.core ? 1 : 0],
  );
}

/** @throws FrameError if the payload is no EXIT. */
export function decodeExit(payload: Uint8Array): Ending {
  const [kind, number, core] = payload;
  if (payload.length < 3 || number === undefined || core === undefined || core > 1) {
    throw new FrameError(`an EXIT message of ${payload.length} bytes is malformed`);
  }
  if (kind === 0) return { kind: 'exited', status: number };
  if (kind === 1 && number >= 1 && number <= 64)
    return { kind: 'signaled', signal: number, core: core === 1 };
  throw new FrameError(`an EXIT message has no meaning: kind ${kind}, number ${number}`);
}

/** How a command ended under the runner, and what it took. */
export interface RunnerExit {
  readonly ending: Ending;
  readonly maxRssBytes: number;
  readonly userMs: number;
  readonly systemMs: number;
  /** Descendants that outlived the command and were ended. */
  readonly left: number;
}

const runnerExitBytes = 20;

/** EXIT as the runner sends it; the runner is a C program, so this is for tests and the TypeScript runner. */
export function encodeRunnerExit(exit: RunnerExit): Buffer {
  const payload = Buffer.alloc(runnerExitBytes);
  encodeExit(exit.ending).copy(payload);
  payload.writeUInt32LE(Math.min(Math.ceil(exit.maxRssBytes / 1024), 0xffff_ffff), 4);
  payload.writeUInt32LE(exit.userMs, 8);
  payload.writeUInt32LE(exit.systemMs, 12);
  payload.writeUInt32LE(exit.left, 16);
  return payload;
}

/** @throws FrameError if the payload is no EXIT of a runner. */
export function decodeRunnerExit(payload: Uint8Array): RunnerExit {
  if (payload.length < runnerExitBytes) {
    throw new FrameError(`an EXIT message of the runner has ${payload.length} bytes, not ${runnerExitBytes}`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return {
    ending: decodeExit(payload),
    maxRssBytes: view.getUint32(4, true) * 1024,
    userMs: view.getUint32(8, true),
    systemMs: view.getUint32(12, true),
    left: view.getUint32(16, true),
  };
}

// JOB of a wrapper

export interface WrapperJob {
  readonly version: number;
  readonly pid: number;
  /** Empty: the directory was deleted. */
  readonly cwd: ByteString;
  readonly umask: number;
  readonly stdin: StreamKind;
  readonly stdout: StreamKind;
  readonly stderr: StreamKind;
  readonly merged: boolean;
  readonly descriptors: number;
  readonly blocked: string;
  readonly ignored: string;
  readonly rows: number;
  readonly columns: number;
  readonly force: 'local' | 'remote' | '';
}

function number(expression: RegExp, radix: number, most: number) {
  return v.pipe(
    v.string(),
    v.regex(expression, 'is no number'),
    v.transform((digits) => Number.parseInt(digits, radix)),
    v.maxValue(most),
  );
}
const decimal = (most: number) => number(/^\d{1,10}$/u, 10, most);

const wrapperJobSchema = v.object({
  version: decimal(65_535),
  pid: decimal(0x7fff_ffff),
  cwd: v.pipe(path, v.regex(/^(?:\/.*)?$/su, 'is no absolute path')),
  umask: number(/^[0-7]{1,6}$/u, 8, 0o777),
  stdin: stream,
  stdout: stream,
  stderr: stream,
  merged: v.pipe(
    v.picklist(['0', '1']),
    v.transform((digit) => digit === '1'),
  ),
  descriptors: decimal(0x7fff_ffff),
  blocked: mask,
  ignored: mask,
  rows: decimal(65_535),
  columns: decimal(65_535),
  force: v.picklist(['local', 'remote', '']),
});

/** Key=value strings of a JOB at most; those with keys that are not known are dropped. */
const maximumKeys = 64;

/** What a wrapper says of its job. @throws FrameError if a key is missing, doubled or has no meaning. */
export function parseJob(payload: Uint8Array): WrapperJob {
  let items: ByteString[];
  try {
    items = splitNul(payload, maximumKeys);
  } catch (error) {
    throw new FrameError(`a JOB message is malformed: ${error instanceof Error ? error.message : 'cut off'}`);
  }
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const item of items) {
    const at = item.indexOf('=');
    if (at < 1) throw new FrameError('a JOB message has a string that is not key=value');
    const key = item.slice(0, at);
    if (key in fields) throw new FrameError(`a JOB message has ${key.slice(0, 64)} twice`);
    fields[key] = item.slice(at + 1);
  }
  const parsed = v.safeParse(wrapperJobSchema, { ...fields }, { abortEarly: true });
  if (!parsed.success) throw malformed('JOB', parsed.issues[0]);
  return parsed.output;
}
