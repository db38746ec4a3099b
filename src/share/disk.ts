/**
 * File system calls that may hang. A hard NFS mount whose server is gone blocks a thread for as long as the server
 * is away; in libuv's pool four such calls would stop the whole daemon. So everything below a share is done elsewhere, and
 * every call has a deadline, see ./hanging-pool.ts: what is ordinary by swarmlook (./looker.ts), all else, and everything where
 * that could not be compiled, by threads of our own, in batches of plain synchronous calls (400 lstats: 1.1 ms of CPU, as
 * promises 3.2 ms).
 */
import { Worker } from 'node:worker_threads';
import type { OperationName, Operations } from './blocking/operations.ts';
import type { CommitRequest, Committed } from './commit-work.ts';
import { DiskError } from './disk-error.ts';
import { packSight, parseSight, type Sight, type SightRequest } from './first-sight.ts';
import { HangingPool, type Servant, type ServantEvents } from './hanging-pool.ts';
import type { LookRequest, Looks } from './look-answer.ts';
import { Looker } from './looker.ts';
import { type FilesOfCommand, type Obstacles, obstaclesOf, packFiles, parseSights } from './obstacles.ts';
import { packCommit, parseCommit, restOf } from './plain-commit.ts';
import { packPut, parsePut, stagedBy } from './plain-put.ts';
import type { Answers, Questions } from './question-answer.ts';
import type { Walked, WalkRequest } from './walk-answer.ts';
import type { WrittenDone, WrittenWork } from './written-work.ts';

/** What goes to a thread, and what comes back: one answer for each request. */
export interface DiskRequest {
  readonly operation: OperationName;
  readonly input: unknown;
}
export type DiskAnswer = { readonly output: unknown } | { readonly message: string; readonly code: string };

/** Long enough for a busy server, short enough that a job goes elsewhere before anybody wonders. */
export const defaultDiskTimeoutMs = 10_000;

export interface DiskOptions {
  /**
   * Threads that work at the same time; each about 9 MB and 30 to 110 ms of CPU to start, started when calls have waited
   * for those that are there.
   * More than cores, since they mostly wait: on NFSv4.2 renames over a read file took 0.1 s in some runs. @default 8
   */
  readonly maxThreads?: number;
  /** Threads that may hang besides; when there is no other left, new calls fail at once. @default 12 */
  readonly maxHungThreads?: number;
  /** swarmlook, compiled, which takes looks at a tenth of the cost. @default threads do that too */
  readonly lookProgram?: string | undefined;
}

/** How swarmlook is asked to do something. */
interface OrdinaryOptions {
  /** For people. */
  readonly what?: string;
  readonly timeoutMs?: number;
  /** Removes what may have been begun where it is not known what became of it. */
  readonly drop?: () => Promise<unknown>;
}

/** The threads that do a peer's file system calls. One a process; {@link Disk.close} ends it. */
export class Disk {
  readonly #maxThreads: number;
  readonly #threads: HangingPool<DiskRequest, { readonly output: unknown }>;
  readonly #looker: Looker | undefined;

  constructor(options: DiskOptions = {}) {
    this.#maxThreads = options.maxThreads ?? 8;
    this.#threads = new HangingPool({
      maxServants: this.#maxThreads,
      maxHung: options.maxHungThreads ?? 12,
      start: startThread,
    });
    if (options.lookProgram !== undefined) this.#looker = new Looker({ program: options.lookProgram });
  }

  /** Into how many calls work that waits for a server is worth cutting. */
  get width(): number {
    return Math.min(4, this.#maxThreads);
  }

  /** Starts a thread and a program that looks, which else the first job waits for. Never rejects: then that job hears why. */
  async start(): Promise<void> {
    const nothing = { paths: [], links: [], lists: [] };
    await Promise.allSettled([this.look(nothing), this.run('lookAll', { paths: [], fresh: false })]);
  }

  /** `lstat`, `readlink` and sub-directories, without asking a server more than that does by itself. @throws as run */
  look(request: LookRequest, timeoutMs: number = defaultDiskTimeoutMs): Promise<Looks> {
    return this.#looker?.look(request, timeoutMs) ?? this.run('takeLooks', request, timeoutMs);
  }

  /** Answers questions of several kinds; of links among those looked at anew as {@link Operations.lookAll} does. @throws as run */
  async ask(questions: Questions, timeoutMs: number = defaultDiskTimeoutMs): Promise<Answers> {
    const answers = await (this.#looker?.ask(questions, timeoutMs) ??
      this.run('answers', questions, timeoutMs));
    const links = questions.fresh.filter((_, at) => answers.fresh[at]?.kind === 'link');
    if (this.#looker === undefined || links.length === 0) return answers;
    const facts = await this.run('lookAll', { paths: links, fresh: true }, timeoutMs);
    let next = 0;
    const fresh = answers.fresh.map((fact) => (fact.kind === 'link' ? (facts[next++] ?? fact) : fact));
    return { ...answers, fresh };
  }

  /** What a walk yields; of a link that changed the fact as {@link Operations.lookAll} has it. @throws as run */
  async walk(request: WalkRequest): Promise<Walked> {
    const timeoutMs = request.timeoutMs + defaultDiskTimeoutMs;
    const walked = await (this.#looker?.walk(request, timeoutMs) ?? this.run('walk', request, timeoutMs));
    const links = walked.changed.flatMap(({ path, fact }) => (fact.kind === 'link' ? path : []));
    if (links.length === 0) return walked;
    const facts = await this.run('lookAll', { paths: links, fresh: false });
    const seen = new Map(links.map((path, index) => [path, facts[index]]));
    return {
      ...walked,
      changed: walked.changed.map((each) => ({ ...each, fact: seen.get(each.path) ?? each.fact })),
    };
  }

  /** What stands in the way of a command. @throws as run */
  async obstacles(files: FilesOfCommand): Promise<Obstacles> {
    const parse = (answer: Buffer): Obstacles => obstaclesOf(files, parseSights(answer, files));
    return (await this.#ordinary(packFiles(files), parse)) ?? (await this.run('obstacles', files));
  }

  /** What a worker looks at before a job, in one go. @throws as run */
  async firstSight(request: SightRequest): Promise<Sight> {
    const parse = (answer: Buffer): Sight | undefined => parseSight(answer, request);
    const sight = await this.#ordinary(packSight(request), parse);
    return sight ?? (await this.run('firstSight', request));
  }

  /** Puts outputs in their places if all of them are seen as expected. @throws as run */
  async renameIfSeen(request: CommitRequest): Promise<Committed> {
    const done = await this.#ordinary(packCommit(request), parseCommit, { what: 'a rename' });
    const { renamed = 0, isDone = false } = done ?? {};
    if (isDone) return { renamed };
    const rest = await this.run('renameIfSeen', restOf(request, renamed));
    return rest.unseen === undefined ? { ...rest, renamed: renamed + rest.renamed } : rest;
  }

  /** Puts what a served job wrote in its place. @throws as run */
  async putWritten(work: WrittenWork, timeoutMs: number): Promise<WrittenDone> {
    // What its program may have left where that was killed or lost: hidden names, which a thread would find taken.
    const drop = (): Promise<unknown> => this.run('dropStaged', stagedBy(work)).catch(() => undefined);
    const done = await this.#ordinary(packPut(work), parsePut, { what: 'a write', timeoutMs, drop });
    return done ?? (await this.run('putWritten', work, timeoutMs));
  }

  /** By swarmlook. @returns undefined where it cannot, as nothing about it is out of the ordinary: a thread finds out. */
  async #ordinary<Answer>(
    request: Buffer | undefined,
    parse: (answer: Buffer) => Answer,
    { what = 'a look', timeoutMs = defaultDiskTimeoutMs, drop }: OrdinaryOptions = {},
  ): Promise<Answer | undefined> {
    if (request === undefined || this.#looker === undefined) return undefined;
    try {
      return await this.#looker.take({ request, parse }, what, timeoutMs);
    } catch (error) {
      const isFinal = !(error instanceof DiskError) || error.code === 'HUNG' || error.code === 'CLOSED';
      // Where its file system hangs nobody waits for that.
      const dropped = drop?.();
      if (isFinal) throw error;
      await dropped;
      return undefined;
    }
  }

  /** Threads that sit in a call beyond its deadline. If not 0, the process can only be ended by SIGKILL. */
  get hungThreads(): number {
    return this.#threads.hung;
  }

  /**
   * Does one operation in a thread.
   *
   * @param timeoutMs - from now, waiting for a thread included.
   * @throws DiskError with the errno's name, or `HUNG` if the deadline passed (the call may still take effect later).
   */
  async run<Name extends OperationName>(
    operation: Name,
    input: Parameters<Operations[Name]>[0],
    timeoutMs: number = defaultDiskTimeoutMs,
  ): Promise<ReturnType<Operations[Name]>> {
    const { output } = await this.#threads.run({ operation, input }, operation, timeoutMs);
    return output as ReturnType<Operations[Name]>;
  }

  /** Ends the threads; calls that are not done yet fail. Threads that hang are left to the end of the process. */
  async close(): Promise<void> {
    await Promise.all([this.#looker?.close(), this.#threads.close()]);
  }
}

function startThread(events: ServantEvents<{ readonly output: unknown }>): Servant<DiskRequest> {
  const worker = new Worker(new URL('./disk-thread.js', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
  });
  worker.on('message', (answer: DiskAnswer) => {
    worker.unref();
    events.onAnswer('output' in answer ? answer : new DiskError(answer.message, answer.code));
  });
  worker.on('error', (error) => events.onLost(String(error)));
  worker.on('exit', (status) => events.onLost(`status ${status}`));
  return {
    ask: (request) => {
      worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(request);
    },
    setAside: () => worker.unref(),
    end: () => worker.terminate(),
  };
}
