/**
 * Hears of the changes of a share that lies on a disk of this machine, so that what was looked at once need not be looked at again
 * for each job: by a swarmtree of its own, which shows nothing to anybody. What follows from that is decided by `core/view`.
 */
import { readFile } from 'node:fs/promises';
import { SwarmError } from '../../core/swarm-error.ts';
import type { ToldChanges } from '../../core/view/contract.ts';
import { type BarrierPart, TreeServer } from '../../tree/tree-server.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { TreeLooked } from '../../wire/tree-messages.ts';

const limitPath = '/proc/sys/fs/inotify/max_user_watches';
/** Of the watches that a user may have the rest is left to other programs. */
const ourPart = 4;

export interface ShareWatchInit {
  /** swarmtree, compiled. */
  readonly program: string;
  /** Of the share. */
  readonly root: ByteString;
  readonly now: () => number;
  /** All that changed before `beganMs`, of what was looked at, and was not told before. */
  readonly onTold: (told: ToldChanges, beganMs: number) => void;
  /** Nothing is told any more. */
  readonly onLost: (why: string) => void;
  /** Nobody has asked for so long: {@link ShareWatch.close} it. What changes would only be kept for nobody. */
  readonly onIdle: () => void;
  readonly idleMs: number;
  /** Directories and files. @default a quarter of what this user may watch */
  readonly mostWatched?: number | undefined;
}

/** One share's. {@link ShareWatch.close} ends it. */
export class ShareWatch {
  readonly #init: ShareWatchInit;
  readonly #server: TreeServer;
  #heardMs = Number.NEGATIVE_INFINITY;
  #hearing: Promise<void> | undefined;
  readonly #idle: NodeJS.Timeout;
  #isOver = false;

  private constructor(init: ShareWatchInit, server: TreeServer) {
    this.#init = init;
    this.#server = server;
    this.#idle = setTimeout(init.onIdle, init.idleMs).unref();
  }

  /**
   * @returns undefined where not all changes are told, as on a network file system.
   * @throws SwarmError `E_TREE` if swarmtree does not come up.
   */
  static async start(init: ShareWatchInit): Promise<ShareWatch | undefined> {
    const server = await TreeServer.start({
      program: init.program,
      // It is asked by this peer alone, which looks at all that its user may look at.
      shares: ['/'],
      never: [],
      hashBelowBytes: 0,
      mostWatched: init.mostWatched ?? Math.floor(Number(await readFile(limitPath, 'latin1')) / ourPart),
      changesOnly: true,
      onLost: init.onLost,
    });
    const watch = new ShareWatch(init, server);
    const [looked] = await watch.look([init.root]);
    if (looked?.looks[0]?.holds === true) return watch;
    await watch.close();
    return undefined;
  }

  /** What there is at each of these paths, watched from now on where that can be. @throws SwarmError `E_TREE` */
  look(paths: readonly ByteString[]): Promise<readonly TreeLooked[]> {
    return this.#server.look(paths);
  }

  /** Until all changes from before `sinceMs` have been told. @throws SwarmError `E_TREE` */
  async hear(sinceMs: number): Promise<void> {
    this.#idle.refresh();
    while (this.#heardMs < sinceMs) {
      this.#hearing ??= this.#hear().finally(() => {
        this.#hearing = undefined;
      });
      await this.#hearing;
    }
  }

  async #hear(): Promise<void> {
    const beganMs = this.#init.now();
    const parts = await this.#server.barrier();
    if (this.#isOver) throw new SwarmError('E_TREE', 'The share is not watched any more.');
    this.#init.onTold(toldOf(parts), beganMs);
    this.#heardMs = beganMs;
  }

  close(): Promise<void> {
    this.#isOver = true;
    clearTimeout(this.#idle);
    return this.#server.close();
  }
}

function toldOf(parts: readonly BarrierPart[]): ToldChanges {
  return {
    generation: Math.max(...parts.map(({ generation }) => generation)),
    everything: parts.some(({ everything }) => everything),
    changes: parts.flatMap(({ changes }) =>
      changes.map(({ kind, directory, name }) => ({
        kind: kind === 'node' ? 'node' : 'name',
        path: `${directory}/${name}`,
      })),
    ),
  };
}

/** What a helper that is lost, or does not answer, means to who asked: to look for itself. */
export function isLost(error: unknown): boolean {
  return error instanceof SwarmError && error.code === 'E_TREE';
}
