/**
 * File system calls that may hang. A hard NFS mount whose server is gone blocks a thread for as long as the server
 * is away; in libuv's pool four such calls would stop the whole daemon. So everything below a share is done by
 * threads of our own, in batches of plain synchronous calls (400 lstats: 1.1 ms of CPU, as promises 3.2 ms), and
 * every call has a deadline. A thread that misses it is set aside until it answers; others go on.
 */
import { Worker } from 'node:worker_threads';
import type { OperationName, Operations } from './blocking/operations.ts';
import { DiskError } from './disk-error.ts';
import type { LookRequest, Looks } from './look-answer.ts';
import { Looker } from './looker.ts';

/** What goes to a thread, and what comes back: one answer for each request. */
export interface DiskRequest {
  readonly operation: OperationName;
  readonly input: unknown;
}
export type DiskAnswer = { readonly output: unknown } | { readonly message: string; readonly code: string };

interface Waiting {
  readonly operation: OperationName;
  readonly input: unknown;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timeoutMs: number;
  timer: NodeJS.Timeout | undefined;
  settled: boolean;
}

interface Thread {
  readonly worker: Worker;
  /** The call that it is busy with; one at a time, so that a call that hangs holds up no other. */
  busy: Waiting | undefined;
  hung: boolean;
}

/** Long enough for a busy server, short enough that a job goes elsewhere before anybody wonders. */
export const defaultDiskTimeoutMs = 10_000;

export interface DiskOptions {
  /**
   * Threads that work at the same time; each about 9 MB and 30 ms of CPU to start, started when all others are busy.
   * More than cores, since they mostly wait: on NFSv4.2 renames over a read file took 0.1 s in some runs. @default 8
   */
  readonly maxThreads?: number;
  /** Threads that may hang besides; when there is no other left, new calls fail at once. @default 12 */
  readonly maxHungThreads?: number;
  /** swarmlook, compiled, which takes looks at a tenth of the cost. @default threads do that too */
  readonly lookProgram?: string | undefined;
}

/** The threads that do a peer's file system calls. One a process; {@link Disk.close} ends it. */
export class Disk {
  readonly #maxThreads: number;
  readonly #maxHungThreads: number;
  readonly #threads = new Set<Thread>();
  readonly #queue: Waiting[] = [];
  readonly #looker: Looker | undefined;
  #closed = false;

  constructor(options: DiskOptions = {}) {
    this.#maxThreads = options.maxThreads ?? 8;
    this.#maxHungThreads = options.maxHungThreads ?? 12;
    if (options.lookProgram !== undefined) this.#looker = new Looker({ program: options.lookProgram });
  }

  /** Into how many calls work that waits for a server is worth cutting. */
  get width(): number {
    return Math.min(4, this.#maxThreads);
  }

  /** `lstat`, `readlink` and sub-directories, without asking a server more than that does by itself. @throws as run */
  look(request: LookRequest, timeoutMs: number = defaultDiskTimeoutMs): Promise<Looks> {
    return this.#looker?.look(request, timeoutMs) ?? this.run('takeLooks', request, timeoutMs);
  }

  /** Threads that sit in a call beyond its deadline. If not 0, the process can only be ended by SIGKILL. */
  get hungThreads(): number {
    let count = 0;
    for (const thread of this.#threads) if (thread.hung) count++;
    return count;
  }

  /**
   * Does one operation in a thread.
   *
   * @param timeoutMs - from now, waiting for a thread included.
   * @throws DiskError with the errno's name, or `HUNG` if the deadline passed (the call may still take effect later).
   */
  run<Name extends OperationName>(
    operation: Name,
    input: Parameters<Operations[Name]>[0],
    timeoutMs: number = defaultDiskTimeoutMs,
  ): Promise<ReturnType<Operations[Name]>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new DiskError(`the peer is stopping, so ${operation} was not done`, 'CLOSED'));
        return;
      }
      const waiting: Waiting = {
        operation,
        input,
        resolve: resolve as (output: unknown) => void,
        reject,
        timeoutMs,
        timer: undefined,
        settled: false,
      };
      waiting.timer = setTimeout(() => this.#expire(waiting), timeoutMs);
      this.#queue.push(waiting);
      this.#pump();
    });
  }

  /** Ends the threads; calls that are not done yet fail. Threads that hang are left to the end of the process. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#looker?.close();
    const open = [...this.#queue.splice(0), ...[...this.#threads].flatMap((thread) => thread.busy ?? [])];
    for (const waiting of open)
      this.#settle(waiting, new DiskError(`the peer stopped during ${waiting.operation}`, 'CLOSED'));
    const ending = [...this.#threads].filter((thread) => !thread.hung);
    await Promise.all(ending.map((thread) => thread.worker.terminate()));
  }

  #settle(waiting: Waiting, error: Error | undefined, output?: unknown): void {
    if (waiting.settled) return;
    waiting.settled = true;
    clearTimeout(waiting.timer);
    if (error === undefined) waiting.resolve(output);
    else waiting.reject(error);
  }

  #expire(waiting: Waiting): void {
    const place = this.#queue.indexOf(waiting);
    if (place >= 0) this.#queue.splice(place, 1);
    for (const thread of this.#threads)
      if (thread.busy === waiting) {
        thread.hung = true;
        thread.worker.unref();
      }
    const what = `the file system did not answer within ${waiting.timeoutMs} ms (${waiting.operation})`;
    this.#settle(waiting, new DiskError(`${what}; is the file server up and the network well?`, 'HUNG'));
    this.#pump();
  }

  #pump(): void {
    while (this.#queue.length > 0) {
      const thread = this.#idleThread();
      if (thread === undefined) {
        // Those that work will be done, or be given up, in time for it.
        if ([...this.#threads].some((one) => !one.hung)) return;
        const waiting = this.#queue.shift();
        if (waiting !== undefined)
          this.#settle(
            waiting,
            new DiskError(`${this.hungThreads} file system calls hang already; not trying another`, 'HUNG'),
          );
        continue;
      }
      const waiting = this.#queue.shift();
      if (waiting === undefined) return;
      thread.busy = waiting;
      thread.worker.ref();
      const request: DiskRequest = { operation: waiting.operation, input: waiting.input };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      thread.worker.postMessage(request);
    }
  }

  #idleThread(): Thread | undefined {
    let working = 0;
    for (const thread of this.#threads) {
      if (thread.busy === undefined) return thread;
      if (!thread.hung) working++;
    }
    if (working >= this.#maxThreads || this.#threads.size >= this.#maxThreads + this.#maxHungThreads)
      return undefined;
    return this.#startThread();
  }

  #startThread(): Thread {
    const worker = new Worker(new URL('./disk-thread.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    });
    const thread: Thread = { worker, busy: undefined, hung: false };
    this.#threads.add(thread);
    worker.on('message', (answer: DiskAnswer) => {
      const waiting = thread.busy;
      thread.busy = undefined;
      thread.hung = false;
      worker.unref();
      if (waiting !== undefined) {
        if ('output' in answer) this.#settle(waiting, undefined, answer.output);
        else this.#settle(waiting, new DiskError(answer.message, answer.code));
      }
      this.#pump();
    });
    const lost = (why: string) => {
      if (!this.#threads.delete(thread)) return;
      if (thread.busy !== undefined)
        this.#settle(thread.busy, new DiskError(`internal: the disk thread ended: ${why}`, 'INTERNAL'));
      if (!this.#closed) this.#pump();
    };
    worker.on('error', (error) => lost(String(error)));
    worker.on('exit', (status) => lost(`status ${status}`));
    return thread;
  }
}
