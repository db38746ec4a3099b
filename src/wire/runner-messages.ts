/** What peer and runner say. The runner is a C program: each message has one end here, and the other in src/native/swarmexec. */
import type { Ending } from '../core/schedule/contract.ts';
import { type ByteString, fromBytes } from './bytes.ts';
import { FrameError, type Payload } from './frame.ts';
import { parseU32 } from './numbers.ts';
import { encodePairs } from './schema.ts';
import { parseExit } from './wrapper-messages.ts';

// JOB

/** What a command is besides its arguments and environment. */
export interface RunnerJob {
  readonly cwd: ByteString;
  /** The directory must lie in it, without a link on the way; empty: anywhere. */
  readonly root: ByteString;
  readonly umask: number;
  readonly nice: number;
  /** Resource limits, see src/native/limits.h. */
  readonly limits: string;
  /** How long what outlives the command may go on before it is left alone; 0: it is ended at once. */
  readonly backgroundMs: number;
  /** How long it may go on without a BEAT; 0: for ever. */
  readonly leaseMs: number;
  /** What lies in its 0/u, 1/u, … covers the places of this machine (core/own-places.ts) for the command alone. */
  readonly apart?: ByteString;
  /** Of what is covered, a directory that stays visible. */
  readonly kept?: ByteString;
  /** The program that is started passes signals on to the command, and is told whether its whole group is meant. */
  readonly relays?: boolean;
  /** A directory: stdout is a file without a name in it, and said when the command is over; empty: it is as `stdout` says. */
  readonly spool?: ByteString;
  readonly stdin: 'closed' | 'null' | 'pipe';
  readonly stdout: 'closed' | 'null' | 'pipe' | 'pty';
  readonly stderr: 'closed' | 'null' | 'pipe' | 'pty';
  readonly merged: boolean;
  /** Masks of signals, hexadecimal. */
  readonly blocked: string;
  readonly ignored: string;
  readonly rows: number;
  readonly columns: number;
}

export function encodeRunnerJob(job: RunnerJob): Payload<'JOB'> {
  const {
    cwd,
    root,
    umask,
    nice,
    limits,
    backgroundMs,
    leaseMs,
    apart = '',
    kept = '',
    relays = false,
    spool = '',
    stdin,
    stdout,
    stderr,
    merged,
    blocked,
    ignored,
    rows,
    columns,
  } = job;
  const pairs: Readonly<Record<string, string | number>> = {
    cwd,
    root,
    umask: umask.toString(8),
    nice,
    limits,
    background: backgroundMs,
    lease: leaseMs,
    apart,
    kept,
    relays: relays ? 1 : 0,
    spool,
    stdin,
    stdout,
    stderr,
    merged: merged ? 1 : 0,
    blocked,
    ignored,
    rows,
    columns,
  };
  return encodePairs(pairs);
}

// SPAWN_FAILED, STARTED

/** `STAGE ERRNO`, such as `exec ENOENT`. */
export function parseSpawnFailed(payload: Uint8Array): ByteString {
  return fromBytes(payload);
}

/** A command that runs. */
export interface Started {
  readonly pid: number;
  /** Errno of what keeps it from having places of its own; 0: it has them, or was to have none. */
  readonly notApart: number;
}

/** @throws FrameError */
export function parseStarted(payload: Uint8Array): Started {
  return {
    pid: parseU32('STARTED', payload.subarray(0, 4)),
    notApart: parseU32('STARTED', payload.subarray(4)),
  };
}

// EXIT

/** How a command ended under the runner, and what it took. */
export interface RunnerExit {
  readonly ending: Ending;
  readonly maxRssBytes: number;
  readonly userMs: number;
  readonly systemMs: number;
  /** Descendants that the command left in the background, and that live on. */
  readonly left: number;
  /** Its lease has, so it was killed: nobody may have heard of it any more. */
  readonly hasLapsed: boolean;
}

const runnerExitBytes = 20;
const lapsedFlag = 1;
const staysFlag = 2;

/**
 * @returns `stays`: nothing of it is left, and its connection takes the next job.
 * @throws FrameError if it is not the EXIT of a runner.
 */
export function parseRunnerExit(payload: Uint8Array): {
  readonly exit: RunnerExit;
  readonly stays: boolean;
} {
  if (payload.length < runnerExitBytes) {
    throw new FrameError(`an EXIT message of the runner has ${payload.length} bytes, not ${runnerExitBytes}`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const flags = view.getUint8(3);
  const exit = {
    ending: parseExit(payload),
    maxRssBytes: view.getUint32(4, true) * 1024,
    userMs: view.getUint32(8, true),
    systemMs: view.getUint32(12, true),
    left: view.getUint32(16, true),
    hasLapsed: (flags & lapsedFlag) !== 0,
  };
  return { exit, stays: (flags & staysFlag) !== 0 };
}
