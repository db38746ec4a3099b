/**
 * Looks at many paths in programs of our own (src/native/swarmlook.c), which do it at a tenth of what a thread of Node takes.
 * As in ./disk.ts, each has one request at a time, and one that misses its deadline is set aside: it hangs in a
 * call that only the file server's return can end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { DiskError } from './disk-error.ts';
import { type LookRequest, type Looks, packRequest, parseLooks } from './look-answer.ts';

/** Length and errno. */
const headBytes = 8;

interface Waiting {
  readonly request: LookRequest;
  readonly resolve: (looks: Looks) => void;
  readonly reject: (error: Error) => void;
  timer: NodeJS.Timeout | undefined;
}

interface Program {
  readonly child: ChildProcess;
  busy: Waiting | undefined;
  readonly received: Buffer[];
  receivedBytes: number;
  hung: boolean;
}

export interface LookerOptions {
  /** swarmlook, compiled. */
  readonly program: string;
  /** That work at the same time. @default 4 */
  readonly maxPrograms?: number;
  /** That hang besides; beyond that, requests fail at once. @default 12 */
  readonly maxHung?: number;
}

/** Where the package has it, unless it could not be compiled. */
export function lookProgramIn(packageRoot: string): string | undefined {
  const program = join(packageRoot, 'bin', 'swarmlook');
  return existsSync(program) ? program : undefined;
}

/** The programs that look for a peer. {@link Looker.close} ends them. */
export class Looker {
  readonly #program: string;
  readonly #maxPrograms: number;
  readonly #maxHung: number;
  readonly #programs = new Set<Program>();
  readonly #queue: Waiting[] = [];
  #closed = false;

  constructor(options: LookerOptions) {
    this.#program = options.program;
    this.#maxPrograms = options.maxPrograms ?? 4;
    this.#maxHung = options.maxHung ?? 12;
  }

  /** Programs that sit in a call beyond its deadline. */
  get hung(): number {
    return [...this.#programs].filter((program) => program.hung).length;
  }

  /** @throws DiskError with the errno's name, or `HUNG` if `timeoutMs` passed, the wait for a program included. */
  look(request: LookRequest, timeoutMs: number): Promise<Looks> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new DiskError('the peer is stopping, so nothing was looked at', 'CLOSED'));
        return;
      }
      const waiting: Waiting = { request, resolve, reject, timer: undefined };
      waiting.timer = setTimeout(() => this.#expire(waiting, timeoutMs), timeoutMs);
      this.#queue.push(waiting);
      this.#pump();
    });
  }

  close(): void {
    this.#closed = true;
    const error = new DiskError('the peer stopped during a look', 'CLOSED');
    for (const waiting of this.#queue.splice(0)) fail(waiting, error);
    for (const program of this.#programs) this.#lose(program, error);
  }

  #pump(): void {
    for (;;) {
      const [waiting] = this.#queue;
      if (waiting === undefined) return;
      const hung = this.hung;
      let program = [...this.#programs].find((one) => !one.hung && one.busy === undefined);
      if (program === undefined) {
        if (this.#programs.size - hung >= this.#maxPrograms) return;
        if (hung >= this.#maxHung) {
          this.#queue.shift();
          fail(waiting, new DiskError(`${hung} looks hang already; not trying another`, 'HUNG'));
          continue;
        }
        program = this.#start();
      }
      this.#queue.shift();
      program.busy = waiting;
      program.child.stdin?.write(packRequest(waiting.request));
    }
  }

  #start(): Program {
    const child = spawn(this.#program, [], { stdio: ['pipe', 'pipe', 'ignore'], cwd: '/', env: {} });
    const program: Program = { child, busy: undefined, received: [], receivedBytes: 0, hung: false };
    this.#programs.add(program);
    const lost = (why: string): void =>
      this.#lose(program, new DiskError(`internal: ${this.#program} ended: ${why}`, 'INTERNAL'));
    child.stdout?.on('data', (data: Buffer) => this.#take(program, data));
    // Told by 'exit' and 'error' as well, but a write to who is gone must not be an uncaught error.
    child.stdin?.on('error', (error) => lost(error.message));
    child.on('error', (error) => lost(error.message));
    child.on('exit', (status, signal) => lost(`${status ?? signal}`));
    return program;
  }

  #take(program: Program, data: Buffer): void {
    program.received.push(data);
    program.receivedBytes += data.length;
    if (program.receivedBytes < headBytes) return;
    const answer = program.received.length === 1 ? data : Buffer.concat(program.received);
    program.received.splice(0, Infinity, answer);
    if (program.receivedBytes < 4 + answer.readUInt32LE(0)) return;
    program.received.length = 0;
    program.receivedBytes = 0;
    program.hung = false;
    const waiting = program.busy;
    program.busy = undefined;
    if (waiting !== undefined) settle(waiting, answer);
    this.#pump();
  }

  #expire(waiting: Waiting, timeoutMs: number): void {
    const place = this.#queue.indexOf(waiting);
    if (place >= 0) this.#queue.splice(place, 1);
    for (const program of this.#programs) {
      if (program.busy !== waiting) continue;
      program.busy = undefined;
      program.hung = true;
      // It dies when the file server comes back.
      program.child.kill('SIGKILL');
    }
    const what = `the file system did not answer a look within ${timeoutMs} ms`;
    fail(waiting, new DiskError(`${what}; is the file server up and the network well?`, 'HUNG'));
    this.#pump();
  }

  #lose(program: Program, error: Error): void {
    if (!this.#programs.delete(program)) return;
    program.child.kill('SIGKILL');
    if (program.busy !== undefined) fail(program.busy, error);
    if (!this.#closed) this.#pump();
  }
}

function settle(waiting: Waiting, answer: Buffer): void {
  const errno = answer.readInt32LE(4);
  if (errno !== 0) {
    const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0];
    const path = answer.toString('utf8', headBytes);
    fail(
      waiting,
      new DiskError(`${path} cannot be looked at: ${code ?? `errno ${errno}`}`, code ?? 'INTERNAL'),
    );
    return;
  }
  clearTimeout(waiting.timer);
  try {
    waiting.resolve(parseLooks(answer.subarray(headBytes), waiting.request));
  } catch (error) {
    waiting.reject(error as Error);
  }
}

function fail(waiting: Waiting, error: Error): void {
  clearTimeout(waiting.timer);
  waiting.reject(error);
}
