/**
 * Both ends of a served tree in one process, joined without a network: the real helpers, and jobs by the real runner.
 * The submitter is this machine; the worker is another set of namespaces of it, which sees this machine's files only
 * through the tree.
 */
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import type { ProfiledJob, ReadProfiles } from '../../src/core/tree/read-profiles.ts';
import type { ProgramName } from '../../src/native/build.ts';
import { Pushes } from '../../src/peer/submit/served/pushes.ts';
import { PlacePool, type PlacePoolOptions, poolIn } from '../../src/tree/place-pool.ts';
import { contentPathOf, readLeft, type TreeJob, treeJobArgv } from '../../src/tree/tree-job.ts';
import { TreeMount, type TreeMountOptions } from '../../src/tree/tree-mount.ts';
import { TreeServer } from '../../src/tree/tree-server.ts';
import type { JobReport } from '../../src/wire/job-report.ts';
import { parseRunnerExit, type RunnerExit } from '../../src/wire/runner-messages.ts';
import { encodeTreeAhead, readId, type TreeFault, type TreeFigures } from '../../src/wire/tree-messages.ts';
import { parseTreeRequest } from '../../src/wire/tree-stream-messages.ts';
import { encodeSignal, type PassedSignal } from '../../src/wire/wrapper-messages.ts';
import { RunnerRig } from './runner-rig.ts';
import { until } from './until.ts';

/** Why trees cannot be mounted here; undefined if they can. */
export function treeObstacle(): string | undefined {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return 'this user may not open /dev/fuse';
  }
  return existsSync('/proc/self/ns/user') ? undefined : 'this kernel has no user namespaces';
}

/** What the product will refuse to serve, as far as tests care. */
const never = ['/proc', '/sys', '/dev', '/run', '.ssh', '.gnupg', '.netrc', '.aws', '.config/browser'];

export interface TreeJobResult {
  readonly status: number;
  readonly signal: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly wallMs: number;
  readonly exit: RunnerExit;
  readonly report: JobReport;
  /** Faults that came while it ran. */
  readonly faults: readonly TreeFault[];
  readonly job: TreeJob;
}

export interface TreeLabOptions {
  readonly programs: Readonly<Record<ProgramName, string>>;
  /** Real paths; the first is the cwd of jobs. */
  readonly shares: readonly string[];
  readonly mount?: Partial<TreeMountOptions>;
  readonly pool?: Partial<PlacePoolOptions>;
  readonly never?: readonly string[];
  /** Waits so long before a request of the worker is passed on. */
  readonly delayMs?: number;
  /** What the submitter knows of its jobs' reads. */
  readonly profiles?: ReadProfiles;
}

export interface TreeRunOptions {
  readonly cwd?: string;
  readonly areas?: readonly string[];
  readonly environment?: readonly string[];
  /** Whether to tell the worker first what has changed. @default true */
  readonly barrier?: boolean;
  /** Whether it may have a place that stands ready. @default true */
  readonly hasPlace?: boolean;
  /** Signals that the command blocks, as a mask. @default none */
  readonly blocked?: string;
  /** Tells the worker first what the submitter expects a job of this kind to read. */
  readonly ahead?: ProfiledJob;
  /** Sends their contents, as it does with what it compiles. */
  readonly sources?: readonly string[];
}

interface Output {
  readonly exit: RunnerExit;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

export interface StartedTreeJob {
  readonly job: TreeJob;
  readonly ended: Promise<Output>;
  /** What it has printed until now. */
  said(): string;
  /** Kills it, as a peer does. */
  cancel(): void;
  /** Passes a signal on to the command, as a peer does. */
  signal(passed: PassedSignal): void;
}

export class TreeLab {
  readonly directory: string;
  readonly faults: TreeFault[] = [];
  /** Requests of the worker that were passed on, and bytes that answered them. */
  readonly traffic = { requests: 0, bytes: 0, pushed: 0 };
  /** While set, requests of the worker are kept and not passed on. */
  frozen = false;
  /** While set, requests of the worker are answered by a failure. */
  failing = false;
  /** What was told of helpers that ended by themselves. */
  readonly lost: string[] = [];
  readonly #options: TreeLabOptions;
  readonly #kept: (() => void)[] = [];
  #server: TreeServer | undefined;
  #pushes: Pushes | undefined;
  #mount: TreeMount | undefined;
  #pool: PlacePool | undefined;
  #runner: RunnerRig | undefined;
  #jobs = 0;
  #running = 0;

  private constructor(options: TreeLabOptions) {
    this.#options = options;
    this.directory = mkdtempSync(path.join(tmpdir(), 'tree-lab-'));
  }

  static async start(options: TreeLabOptions): Promise<TreeLab> {
    const lab = new TreeLab(options);
    try {
      lab.#runner = await RunnerRig.start(options.programs.swarmexec);
      await lab.startServer();
      await lab.startMount();
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
    return lab;
  }

  get server(): TreeServer {
    if (this.#server === undefined) throw new Error('there is no swarmtree');
    return this.#server;
  }

  get mount(): TreeMount {
    if (this.#mount === undefined) throw new Error('there is no swarmfs');
    return this.#mount;
  }

  get pool(): PlacePool {
    if (this.#pool === undefined) throw new Error('there is no pool of places');
    return this.#pool;
  }

  async startServer(): Promise<void> {
    this.#server = await TreeServer.start({
      program: this.#options.programs.swarmtree,
      shares: this.#options.shares,
      never: [...never, ...(this.#options.never ?? [])],
      indexPath: path.join(this.directory, 'hashes'),
      onLost: (why) => this.lost.push(`swarmtree: ${why}`),
    });
  }

  async startMount(): Promise<void> {
    mkdirSync(path.join(this.directory, 'tree'), { recursive: true });
    this.#pushes = new Pushes({ relay: (...rest) => this.server.relay(...rest) });
    this.#mount = await TreeMount.start({
      program: this.#options.programs.swarmfs,
      directory: path.join(this.directory, 'tree'),
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      groups: [],
      plainDevice: statSync(this.#options.shares[0] ?? '/', { bigint: true }).dev,
      onRequest: (type, payload) => {
        this.traffic.requests += 1;
        this.#options.profiles?.asked(this.directory, parseTreeRequest(type, payload).ask, performance.now());
        if (this.failing) {
          this.mount.fail(readId(type, payload), 107);
          return;
        }
        this.#deliver(() =>
          this.server.relay(type, payload, (answerType, answer) => {
            this.traffic.bytes += answer.length;
            this.mount.supply(answerType, answer);
          }),
        );
      },
      onFault: (fault) => this.faults.push(fault),
      onLost: (why) => {
        this.lost.push(`swarmfs: ${why}`);
        void this.#pool?.close();
      },
      hasJobs: () => this.#running > 0,
      ...this.#options.mount,
    });
    this.#pool = await PlacePool.start({
      program: this.#options.programs.swarmjob,
      place: this.mount.place,
      directory: path.join(this.directory, 'tree'),
      hostName: hostname(),
      onLost: (why) => this.lost.push(`pool: ${why}`),
      ...this.#options.pool,
    });
  }

  #deliver(send: () => void): void {
    if (this.frozen) this.#kept.push(send);
    else if (this.#options.delayMs !== undefined) setTimeout(send, this.#options.delayMs);
    else send();
  }

  thaw(): void {
    this.frozen = false;
    for (const send of this.#kept.splice(0)) send();
  }

  /** What a job is handed in with: all that changed until now is known to the worker. */
  async barrier(sources: readonly string[] = []): Promise<void> {
    const contents = this.#pushes?.read(sources) ?? new Map<string, Uint8Array>();
    const parts = await this.server.barrier();
    const applied = this.mount.apply(parts.map(({ payload }) => payload));
    for (const content of contents.values()) {
      this.traffic.pushed += 1;
      this.mount.supply('TREE_CONTENT', content);
    }
    await applied;
  }

  /** Runs a command in the tree; resolves when it is over and its report is read. */
  async run(argv: readonly string[], options: TreeRunOptions = {}): Promise<TreeJobResult> {
    const firstFault = this.faults.length;
    const begun = performance.now();
    if (options.barrier !== false) await this.barrier(options.sources);
    if (options.ahead !== undefined) this.ahead(options.ahead);
    const { job, ended } = this.start(argv, options);
    const { exit, stdout, stderr } = await ended;
    const wallMs = performance.now() - begun;
    await this.mount.settled();
    const { report } = readLeft(job);
    const { ending } = exit;
    return {
      status: ending.kind === 'exited' ? ending.status : -1,
      signal: ending.kind === 'signaled' ? ending.signal : 0,
      stdout: stdout.toString('latin1'),
      stderr: stderr.toString('latin1'),
      wallMs,
      exit,
      report,
      faults: this.faults
        .slice(firstFault)
        .filter((fault) => fault.job === '' || fault.job === path.basename(job.scratch)),
      job,
    };
  }

  /** Tells the worker what a job will read, as its submitter does with an offer. */
  ahead(job: ProfiledJob): void {
    const asks = this.#options.profiles?.offered(this.directory, job, performance.now()) ?? [];
    for (const payload of encodeTreeAhead(asks)) this.#deliver(() => this.mount.ahead(payload));
  }

  /** Starts a command in the tree, without a barrier. */
  start(argv: readonly string[], options: TreeRunOptions = {}): StartedTreeJob {
    const [share = '/'] = this.#options.shares;
    this.#jobs += 1;
    const job: TreeJob = {
      place: this.mount.place,
      scratch: this.mount.scratchOf(String(this.#jobs)),
      cwd: options.cwd ?? share,
      hostName: hostname(),
      blocked: options.blocked ?? '0',
      pool: options.hasPlace === false ? '' : poolIn(path.join(this.directory, 'tree')),
      areas: options.areas ?? [share],
    };
    const words = treeJobArgv(this.#options.programs.swarmjob, job, argv);
    const started = this.#execute(words, options.environment);
    this.#running += 1;
    this.mount.watch();
    const over = (): void => {
      this.#running -= 1;
    };
    started.ended.then(over, over);
    return { job, ...started };
  }

  async sh(script: string, options: TreeRunOptions = {}): Promise<TreeJobResult> {
    return await this.run(['/bin/sh', '-c', script], options);
  }

  /** Where the content of a name lies that a job left. */
  contentOf(result: TreeJobResult, file: string): string {
    const record = result.report.records.find((one) => one.path === file);
    if (record === undefined)
      throw new Error(`the job left no ${file}: ${JSON.stringify(result.report.records.map((r) => r.path))}`);
    return contentPathOf(result.job, record);
  }

  #execute(argv: readonly string[], environment: readonly string[] | undefined): Omit<StartedTreeJob, 'job'> {
    if (this.#runner === undefined) throw new Error('there is no runner');
    const link = this.#runner.run(argv, { cwd: '/', relays: '1' }, environment);
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    const ended = new Promise<Output>((resolve, reject) => {
      link.listen(({ type, payload }) => {
        if (type === 'STDOUT') stdout.push(Buffer.from(payload));
        if (type === 'STDERR') stderr.push(Buffer.from(payload));
        if (type === 'SPAWN_FAILED') reject(new Error(`not started: ${Buffer.from(payload).toString()}`));
        if (type !== 'EXIT') return;
        link.socket.end();
        resolve({
          exit: parseRunnerExit(payload).exit,
          stdout: Buffer.concat(stdout),
          stderr: Buffer.concat(stderr),
        });
      });
      link.socket.on('close', () => reject(new Error('the runner closed the connection')));
    });
    return {
      ended,
      said: () => Buffer.concat(stdout).toString('latin1'),
      cancel: () => link.socket.end(),
      signal: (passed) => link.send('SIGNAL', encodeSignal(passed)),
    };
  }

  /** Both ends' counts. */
  async figures(): Promise<{ fs: TreeFigures; tree: TreeFigures }> {
    return { fs: await this.mount.figures(), tree: await this.server.figures() };
  }

  async stopMount(): Promise<void> {
    await Promise.all([this.#mount?.close(), this.#pool?.close()]);
    this.#mount = this.#pool = undefined;
  }

  /** Another machine takes the worker's place, which has nothing of the tree. */
  async replaceMount(): Promise<void> {
    await this.stopMount();
    await this.#keeperIsDone();
    rmSync(path.join(this.directory, 'tree'), { recursive: true, force: true });
    this.#options.profiles?.left(this.directory);
    await this.startMount();
  }

  async stopServer(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  async #keeperIsDone(): Promise<void> {
    const jobs = path.join(this.directory, 'tree', 'jobs');
    await until(() => !existsSync(jobs), 3_000, 'the keeper has removed the scratch of jobs');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner?.[Symbol.asyncDispose]();
    await this.stopMount();
    await this.stopServer();
    await this.#keeperIsDone();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
