/**
 * Places that stand ready for jobs in one mounted tree: to make one takes longer than many a command. And the removal of what
 * jobs have left. A `swarmjob` keeps them; jobs ask it by themselves, and make their places where it has none.
 */
import { join } from 'node:path';
import { type ByteString, fromBytes, toText } from '../wire/bytes.ts';
import type { Frame } from '../wire/frame.ts';
import {
  encodeTreeDiscard,
  encodeTreeStatus,
  parseTreeDone,
  parseTreeFigures,
  type TreeFigures,
} from '../wire/tree-messages.ts';
import { Helper, Readiness, Requests } from './helper.ts';
import type { TreePlace } from './tree-mount.ts';

const removalTimeoutMs = 30_000;
const statusTimeoutMs = 5_000;
const defaultIdleMs = 10_000;

export interface PlacePoolOptions {
  /** swarmjob, compiled. */
  readonly program: string;
  readonly place: TreePlace;
  /** Of the tree alone, see TreeMountOptions; its `jobs` are there, and the pool is made in it. */
  readonly directory: string;
  /** Host name that jobs see. */
  readonly hostName: ByteString;
  /** Without a job for so long, none is kept ready. @default 10000 */
  readonly idleMs?: number;
  readonly onLost: (why: string) => void;
}

/** Where jobs of a tree find its pool. @param directory - of the tree alone, see TreeMountOptions. */
export function poolIn(directory: string): string {
  return join(directory, 'ready');
}

/** {@link PlacePool.close} ends it; jobs in its places go on. */
export class PlacePool {
  readonly #scratch: string;
  readonly #helper: Helper;
  readonly #done = new Requests<number>();
  readonly #figures = new Requests<TreeFigures>();

  private constructor(options: PlacePoolOptions, readiness: Readiness) {
    const { program, place, directory, hostName, idleMs = defaultIdleMs, onLost } = options;
    this.#scratch = join(directory, 'jobs');
    this.#helper = new Helper({
      program,
      words: [
        `--pid=${place.pid}`,
        `--mount-namespace=${place.mountNamespace}`,
        `--tree=${place.tree}`,
        `--scratch=${this.#scratch}`,
        `--host=${toText(hostName)}`,
        `--pool=${poolIn(directory)}`,
        `--idle-ms=${idleMs}`,
      ],
      allowed: ['TREE_READY', 'TREE_DONE', 'TREE_FIGURES'],
      onFrame: (frame) => this.#take(frame, readiness),
      onLost: (why) => {
        readiness.fail(why);
        this.#lose(why);
        onLost(why);
      },
    });
  }

  /** @throws SwarmError `E_TREE` if it does not come up. */
  static async start(options: PlacePoolOptions): Promise<PlacePool> {
    const readiness = new Readiness(options.program);
    const pool = new PlacePool(options, readiness);
    await pool.#helper.ready(readiness);
    return pool;
  }

  get pid(): number {
    return this.#helper.pid;
  }

  /** Removes the scratch of a job. @throws SwarmError `E_TREE` */
  async discard(job: string): Promise<void> {
    const directory = fromBytes(Buffer.from(join(this.#scratch, job)));
    await this.#done.ask(removalTimeoutMs, (id) =>
      this.#helper.send('TREE_DISCARD', encodeTreeDiscard({ id, directory })),
    );
  }

  /** @throws SwarmError `E_TREE` */
  async figures(): Promise<TreeFigures> {
    return await this.#figures.ask(statusTimeoutMs, (id) =>
      this.#helper.send('TREE_STATUS', encodeTreeStatus(id)),
    );
  }

  async close(): Promise<void> {
    this.#lose('it was ended');
    await this.#helper.close();
  }

  #lose(why: string): void {
    this.#done.lose(why);
    this.#figures.lose(why);
  }

  #take({ type, payload }: Frame, readiness: Readiness): void {
    if (type === 'TREE_READY') readiness.frame(payload);
    else if (type === 'TREE_DONE') {
      const { id, errno } = parseTreeDone(payload);
      this.#done.answer(id, errno);
    } else if (type === 'TREE_FIGURES') {
      const { id, figures } = parseTreeFigures(payload);
      this.#figures.answer(id, figures);
    }
  }
}
