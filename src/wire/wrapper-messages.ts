/** What wrapper and peer say on the local socket. The meaning stands in docs/PROTOCOL.md. */
import * as v from 'valibot';
import type { Ending } from '../core/schedule/contract.ts';
import { type ByteString, fromBytes, splitNul, toBytes } from './bytes.ts';
import { FrameError, frameLimits, madePayload, type Payload } from './frame.ts';
import { maxStrings } from './limits.ts';
import { encodeU64, parseU64 } from './numbers.ts';
import { encodePairs, limits, mask, parsePairs, path, type ValueOf } from './schema.ts';

// ARGV, ENV

/** @throws FrameError if the last string is cut off, or there are too many. */
export function parseStrings(type: 'ARGV' | 'ENV', payload: Uint8Array): ByteString[] {
  try {
    return splitNul(payload, maxStrings);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FrameError(`a ${type} message is malformed: ${error.message}`);
  }
}

// JOB

/** What one of the three first descriptors of a wrapper is. */
const streamKinds = ['closed', 'null', 'file', 'pipe', 'socket', 'tty', 'other'] as const;
export type StreamKind = (typeof streamKinds)[number];
const stream = v.picklist(streamKinds);
/** `fresh` is a file that holds nothing, and is written from its beginning. */
const stdout = v.picklist([...streamKinds, 'fresh']);

function number(expression: RegExp, radix: number, most: number) {
  return v.pipe(
    v.string(),
    v.regex(expression, 'is not a number'),
    v.transform((digits) => Number.parseInt(digits, radix)),
    v.maxValue(most),
  );
}
const decimal = (most: number) => number(/^\d{1,10}$/u, 10, most);

const wrapperJobSchema = v.object({
  version: decimal(65_535),
  pid: decimal(0x7fff_ffff),
  /** Empty: the directory was deleted. */
  cwd: v.pipe(path, v.regex(/^(?:\/.*)?$/su, 'is not an absolute path')),
  umask: number(/^[0-7]{1,6}$/u, 8, 0o777),
  stdin: stream,
  stdout,
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
  nice: decimal(19),
  limits,
  surroundings: v.picklist(['group', 'personality', 'root', 'mounts', '']),
  force: v.picklist(['local', 'remote', '']),
});
/** What a wrapper says of its job. */
export type WrapperJob = ValueOf<typeof wrapperJobSchema>;

export function encodeWrapperJob(job: WrapperJob): Payload<'JOB'> {
  return encodePairs({ ...job, umask: job.umask.toString(8), merged: job.merged ? 1 : 0 });
}
/** @throws FrameError if a key is missing, doubled or has no meaning. */
export function parseWrapperJob(payload: Uint8Array): WrapperJob {
  return parsePairs('JOB', wrapperJobSchema, payload);
}

// INLINE

/** @param reason - for people. */
export function encodeInline(reason: ByteString): Payload<'INLINE'> {
  return madePayload(toBytes(reason.slice(0, frameLimits.INLINE)));
}
export function parseInline(payload: Uint8Array): ByteString {
  return fromBytes(payload);
}

// SIGNAL

/** A signal that came to the wrapper, on its way to the command. */
export interface PassedSignal {
  readonly number: number;
  /** A terminal signals a whole process group; most others signal one process only. */
  readonly toGroup: boolean;
}

export function encodeSignal({ number, toGroup }: PassedSignal): Payload<'SIGNAL'> {
  return madePayload(Uint8Array.of(number, toGroup ? 1 : 0));
}
/** @throws FrameError if there is no such signal or target. */
export function parseSignal(payload: Uint8Array): PassedSignal {
  const [number = 0, target = 0] = payload;
  if (payload.length !== 2 || number < 1 || number > 64 || target > 1)
    throw new FrameError(`a SIGNAL message has no meaning: ${payload.length} bytes, number ${number}`);
  return { number, toGroup: target === 1 };
}

// STDIN_TAKEN

/** @param totalBytes - of stdin that the command has read; 0 asks for stdin to be sent. */
export function encodeStdinTaken(totalBytes: number): Payload<'STDIN_TAKEN'> {
  return encodeU64(totalBytes);
}
export function parseStdinTaken(payload: Uint8Array): number {
  return parseU64('STDIN_TAKEN', payload);
}

// EXIT

export function encodeExit(ending: Ending): Payload<'EXIT'> {
  return madePayload(
    Uint8Array.from(
      ending.kind === 'exited' ? [0, ending.status & 0xff, 0] : [1, ending.signal, ending.core ? 1 : 0],
    ),
  );
}
/** @throws FrameError if it has no meaning. */
export function parseExit(payload: Uint8Array): Ending {
  const [kind, number, core] = payload;
  if (payload.length < 3 || number === undefined || core === undefined || core > 1) {
    throw new FrameError(`an EXIT message of ${payload.length} bytes is malformed`);
  }
  if (kind === 0) return { kind: 'exited', status: number };
  if (kind === 1 && number >= 1 && number <= 64)
    return { kind: 'signaled', signal: number, core: core === 1 };
  throw new FrameError(`an EXIT message has no meaning: kind ${kind}, number ${number}`);
}
