/** Runs real programs for the tests, in a clean environment, and collects what they say. */
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { patience } from './until.ts';

/** The checkout; this file runs from dist/test/rig. */
export const checkout = path.resolve(import.meta.dirname, '../../..');

/** How a program ended: one of `status` and `signal` is null. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface RunOptions {
  /** Default: the checkout. */
  readonly cwd?: string;
  /** Added to the clean environment; undefined takes a name away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: /dev/null. */
  readonly stdin?: Buffer | string;
  /** Killed after so many ms, or a multiple on a machine that has much to do; default 60 s. A test that gets there has failed. */
  readonly timeoutMs?: number;
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when it ended and all output is read; rejects if it could not be started or took too long. */
  readonly ended: Promise<Ended>;
  /** Signals its whole process group, as a terminal does. */
  signalGroup(signal: NodeJS.Signals): void;
}

/** What a newcomer's shell has, and nothing of the session that the tests were started from. */
const cleanEnvironment: Readonly<Record<string, string>> = {
  PATH: `${path.join(checkout, 'bin')}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
  HOME: process.env['HOME'] ?? '/',
  LC_ALL: 'C',
};

/** No wait is made longer than this, or the test would end first. */
const longestMs = 240_000;

/** Starts a program as the leader of a process group of its own. */
export function start(argv: readonly string[], options: RunOptions = {}): Running {
  const [program = '', ...args] = argv;
  const expectedMs = options.timeoutMs ?? 60_000;
  const timeoutMs = Math.max(expectedMs, Math.min(patience * expectedMs, longestMs));
  const child = spawn(program, args, {
    cwd: options.cwd ?? checkout,
    env: { ...cleanEnvironment, ...options.env },
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const signalGroup = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  };
  const ended = new Promise<Ended>((resolve, reject) => {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      signalGroup('SIGKILL');
    }, timeoutMs);
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const result = { status, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
      if (isLate) reject(new Error(`took longer than ${timeoutMs} ms: ${argv.join(' ')}\n${tell(result)}`));
      else resolve(result);
    });
  });
  // A program that does not read all of its input is no failure of the test.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.stdin);
  return { child, ended, signalGroup };
}

/** Runs a program to its end. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return start(argv, options).ended;
}

/** Runs a program that is to succeed, and returns its stdout as text. */
export async function check(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  return checked(argv, await run(argv, options));
}

/** The stdout of a program that succeeded; throws with all it said if it failed. */
export function checked(argv: readonly string[], ended: Ended): string {
  if (ended.status !== 0) throw new Error(`failed: ${argv.join(' ')}\n${tell(ended)}`);
  return ended.stdout.toString();
}

/** An ending in words, for messages. */
export function tell(ended: Ended): string {
  const how = ended.signal ?? `status ${ended.status}`;
  return `${how}\n--- stdout\n${tail(ended.stdout)}\n--- stderr\n${tail(ended.stderr)}`;
}

function tail(bytes: Buffer): string {
  return bytes.subarray(-4000).toString();
}
