/**
 * The worker's side of a served tree: `swarmfs`, which mounts one submitter's files in namespaces of their own. What it
 * asks for goes to the submitter as it is; what comes back is handed to {@link TreeMount.supply}.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type ByteString, fromBytes } from '../wire/bytes.ts';
import type { Frame } from '../wire/frame.ts';
import {
  encodeTreeFailed,
  encodeTreeStart,
  encodeTreeStatus,
  encodeTreeStore,
  parseTreeApplied,
  parseTreeDone,
  parseTreeFault,
  parseTreeFigures,
  type TreeFault,
  type TreeFigures,
  withId,
} from '../wire/tree-messages.ts';
import { Helper, Readiness, Requests } from './helper.ts';
import { HelperWatch } from './helper-watch.ts';
import type { TreeAnswer, TreeRequest } from './tree-server.ts';

const applyTimeoutMs = 30_000;
const fileTimeoutMs = 30_000;
const statusTimeoutMs = 5_000;

export interface TreeMountOptions {
  /** swarmfs, compiled. */
  readonly program: string;
  /** A directory for this tree alone; `root`, `cache` and `jobs` are made in it. */
  readonly directory: string;
  /** @default /dev/fuse */
  readonly device?: string;
  /** The submitter's numbers, as jobs see them. */
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** A directory with l, u, w and o, where an overlay is tried. */
  readonly overlay?: string;
  /** The device of the submitter's share: inode numbers on it are shown as they are. */
  readonly plainDevice?: bigint;
  readonly cacheBytes?: number;
  /** Whether this machine's own system files may stand in for equal ones. @default true */
  readonly useOwnFiles?: boolean;
  /** Something is wanted of the submitter. */
  readonly onRequest: (type: TreeRequest, payload: Uint8Array) => void;
  /** A job is not to be believed. */
  readonly onFault: (fault: TreeFault) => void;
  readonly onLost: (why: string) => void;
  /** Whether jobs are in it, see {@link TreeMount.watch}. @default never */
  readonly hasJobs?: () => boolean;
  /** Between two looks at one that owes an answer, see {@link HelperWatch}. @default 1000 */
  readonly lookMs?: number;
}

/** Where jobs find the tree. */
export interface TreePlace {
  readonly pid: number;
  readonly mountNamespace: string;
  /** Where it is mounted, in that namespace. */
  readonly tree: string;
}

/** A mounted tree. {@link TreeMount.close} ends it, and with it all jobs in it. */
export class TreeMount {
  readonly #helper: Helper;
  readonly #applied = new Requests<number>();
  readonly #done = new Requests<number>();
  readonly #figures = new Requests<TreeFigures>();
  readonly #options: TreeMountOptions;
  readonly #watch: HelperWatch;
  #place: TreePlace | undefined;

  private constructor(options: TreeMountOptions, readiness: Readiness) {
    this.#options = options;
    this.#helper = new Helper({
      program: options.program,
      allowed: [
        'TREE_READY',
        'TREE_LIST',
        'TREE_LOOK',
        'TREE_READ',
        'TREE_APPLIED',
        'TREE_FAULT',
        'TREE_DONE',
        'TREE_FIGURES',
      ],
      onFrame: (frame) => this.#take(frame, readiness),
      onLost: (why) => {
        readiness.fail(why);
        this.#lose(why);
        options.onLost(why);
      },
    });
    this.#watch = new HelperWatch({
      pid: this.#helper.pid,
      ask: () => this.figures(),
      isNeeded: () => options.hasJobs?.() === true || this.#applied.isAsked,
      onHung: (why) => this.#helper.lose(why),
      lookMs: options.lookMs,
    });
    this.#helper.send('TREE_START', encodeTreeStart(settingsOf(options)));
  }

  /** @throws SwarmError `E_TREE` if this machine cannot: no device, no user namespaces. */
  static async start(options: TreeMountOptions): Promise<TreeMount> {
    for (const name of ['root', 'cache', 'jobs'])
      await mkdir(join(options.directory, name), { recursive: true, mode: 0o700 });
    const readiness = new Readiness(options.program);
    const mount = new TreeMount(options, readiness);
    const ready = await mount.#helper.ready(readiness);
    mount.#place = {
      pid: Number(ready.get('pid')),
      mountNamespace: ready.get('mountNamespace') ?? '',
      tree: join(options.directory, 'root'),
    };
    return mount;
  }

  get place(): TreePlace {
    if (this.#place === undefined) throw new Error('internal: the tree is not mounted yet');
    return this.#place;
  }

  /** A directory for one job, which swarmjob makes. */
  scratchOf(job: string): string {
    return join(this.#options.directory, 'jobs', job);
  }

  /** The submitter's answer to a request, or what it sends unasked (number 0). */
  supply(type: TreeAnswer, payload: Uint8Array): void {
    this.#helper.send(type, payload);
  }

  /** What jobs will soon ask for, as the submitter says. */
  ahead(payload: Uint8Array): void {
    this.#helper.send('TREE_AHEAD', payload);
  }

  /** The submitter cannot be asked: whoever waits for this request fails. */
  fail(id: number, errno: number): void {
    this.#helper.send('TREE_FAILED', encodeTreeFailed({ id, errno }));
  }

  /**
   * Takes in what a barrier told; resolves when no job can see what was before.
   *
   * @param payloads - all parts of one barrier's answer, at least one.
   * @throws SwarmError `E_TREE`
   */
  async apply(payloads: readonly Uint8Array[]): Promise<void> {
    await this.#applied.ask(applyTimeoutMs, (id) => {
      // Jobs wait for it that are not in the tree yet.
      this.#watch.wake();
      for (const payload of payloads) this.#helper.send('TREE_CHANGES', withId(payload, id));
    });
  }

  /**
   * Resolves when all faults of jobs that have ended were told: they come on another way than the end of a job, and a
   * job is not to be judged before. @throws SwarmError `E_TREE`
   */
  async settled(): Promise<void> {
    await this.figures();
  }

  /** Keeps a file's content by its hash; an errno if it cannot. @throws SwarmError `E_TREE` */
  async store(hash: Uint8Array, path: ByteString): Promise<number> {
    return await this.#done.ask(fileTimeoutMs, (id) =>
      this.#helper.send('TREE_STORE', encodeTreeStore({ id, hash, path })),
    );
  }

  /** @throws SwarmError `E_TREE` */
  async figures(): Promise<TreeFigures> {
    return await this.#figures.ask(statusTimeoutMs, (id) =>
      this.#helper.send('TREE_STATUS', encodeTreeStatus(id)),
    );
  }

  /** A job is in it: as long as there are any, or changes are taken in, a swarmfs that hangs is noticed, and lost. */
  watch(): void {
    this.#watch.wake();
  }

  async close(): Promise<void> {
    this.#lose('it was ended');
    await this.#helper.close();
  }

  /** Whoever waits for an answer waits in vain. */
  #lose(why: string): void {
    this.#watch.stop();
    for (const requests of [this.#applied, this.#done, this.#figures]) requests.lose(why);
  }

  #take({ type, payload }: Frame, readiness: Readiness): void {
    switch (type) {
      case 'TREE_READY':
        readiness.frame(payload);
        break;
      case 'TREE_LIST':
      case 'TREE_LOOK':
      case 'TREE_READ':
        this.#options.onRequest(type, payload);
        break;
      case 'TREE_APPLIED': {
        const { id, generation } = parseTreeApplied(payload);
        this.#applied.answer(id, generation);
        break;
      }
      case 'TREE_FAULT':
        this.#options.onFault(parseTreeFault(payload));
        break;
      case 'TREE_DONE': {
        const { id, errno } = parseTreeDone(payload);
        this.#done.answer(id, errno);
        break;
      }
      case 'TREE_FIGURES': {
        const { id, figures } = parseTreeFigures(payload);
        this.#figures.answer(id, figures);
        break;
      }
      default:
        break;
    }
  }
}

function settingsOf(options: TreeMountOptions): [string, ByteString | number][] {
  const inside = (name: string): ByteString => fromBytes(Buffer.from(join(options.directory, name)));
  return [
    ['mountPoint', inside('root')],
    ['cache', inside('cache')],
    ['index', inside('index')],
    ['scratch', inside('jobs')],
    ['device', options.device ?? '/dev/fuse'],
    ...(options.overlay === undefined
      ? []
      : [['overlay', fromBytes(Buffer.from(options.overlay))] as [string, ByteString]]),
    ['uid', options.uid],
    ['gid', options.gid],
    ...options.groups.map((group): [string, number] => ['group', group]),
    ['plainDevice', String(options.plainDevice ?? 0n)],
    ['useOwnFiles', options.useOwnFiles === false ? 0 : 1],
    ...(options.cacheBytes === undefined ? [] : [['cacheBytes', options.cacheBytes] as [string, number]]),
  ];
}
