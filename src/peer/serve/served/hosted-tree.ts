/**
 * A submitter's tree that is mounted on this machine: its stream, its swarmfs, and what went wrong in it while a job ran.
 * Ends with its stream; all jobs in it end with it.
 */
import { mkdir, rm } from 'node:fs/promises';
import type { PeerName } from '../../../core/schedule/contract.ts';
import { SwarmError } from '../../../core/swarm-error.ts';
import type { JobChannel } from '../../../swarm/libp2p/channel.ts';
import { PlacePool, poolIn } from '../../../tree/place-pool.ts';
import { TreeMount, type TreePlace } from '../../../tree/tree-mount.ts';
import { type Frame, FrameError } from '../../../wire/frame.ts';
import { parseTreeChanges, parseTreeFailed, type TreeFault } from '../../../wire/tree-messages.ts';
import { encodeTreeOpened, type TreeOpen } from '../../../wire/tree-stream-messages.ts';

export interface HostedTreeInit {
  readonly peer: PeerName;
  readonly channel: JobChannel;
  readonly open: TreeOpen;
  /** swarmfs, compiled. */
  readonly program: string;
  /** swarmjob, compiled. */
  readonly jobProgram: string;
  /** Of this tree alone; made here, and removed at its end. */
  readonly directory: string;
  readonly cacheBytes: number;
  /** It is over, whoever ended it; called once. */
  readonly onOver: (tree: HostedTree, why: string) => void;
}

/** One job's stay in the tree. */
export interface TreeStay {
  readonly scratch: string;
  /** Why its result is not to be believed. */
  readonly faults: readonly TreeFault[];
}

interface OpenStay extends TreeStay {
  readonly name: string;
  readonly faults: TreeFault[];
  readonly onLost: () => void;
}

export class HostedTree {
  readonly peer: PeerName;
  readonly hostName: string;
  readonly #init: HostedTreeInit;
  readonly #stays = new Set<OpenStay>();
  readonly #waiting = new Set<{ readonly generation: number; readonly wake: () => void }>();
  #mount: TreeMount | undefined;
  #pool: Promise<PlacePool> | undefined;
  #parts: Uint8Array[] = [];
  /** Jobs that were offered at this generation may start. */
  #applied: number;
  #applying: Promise<void> = Promise.resolve();
  #lastJob = 0;
  #over = false;

  constructor(init: HostedTreeInit) {
    this.#init = init;
    this.peer = init.peer;
    this.hostName = init.open.hostName;
    this.#applied = init.open.generation;
    init.channel.onFrame = (frame) => this.#take(frame);
    init.channel.onEnd = (why) => this.close(`its submitter ended it (${why})`);
  }

  /** Mounts it and says so to the submitter. @throws SwarmError `E_TREE`, after which it is over. */
  async mount(): Promise<void> {
    const { channel, open, program, directory, cacheBytes } = this.#init;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const mount = await TreeMount.start({
        program,
        directory,
        uid: open.uid,
        gid: open.gid,
        groups: open.groups,
        plainDevice: BigInt(open.device),
        cacheBytes,
        onRequest: (type, payload) => channel.send(type, payload),
        onFault: (fault) => {
          for (const { name, faults } of this.#stays)
            if (fault.job === '' || fault.job === name) faults.push(fault);
        },
        onLost: (why) => this.close(`swarmfs is gone: ${why}`),
        hasJobs: () => this.#stays.size > 0,
      });
      // Its submitter may have ended it meanwhile.
      if (this.#over) return await mount.close();
      this.#mount = mount;
      channel.send('TREE_OPENED', encodeTreeOpened({ kind: 'mounted' }));
      this.#startPool(mount.place);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      channel.send('TREE_OPENED', encodeTreeOpened({ kind: 'refused', code: 'no-namespace', detail }));
      this.close(detail);
      throw error;
    }
  }

  /** Jobs do without it until it is there. */
  #startPool(place: TreePlace): void {
    const { jobProgram, directory } = this.#init;
    const onLost = (why: string): void => this.close(`its places are gone: ${why}`);
    this.#pool = PlacePool.start({ program: jobProgram, place, directory, hostName: this.hostName, onLost });
    this.#pool.catch((error: unknown) => this.close(String(error)));
  }

  get isOver(): boolean {
    return this.#over;
  }

  get place(): TreePlace {
    if (this.#mount === undefined || this.#over)
      throw new SwarmError('E_TREE', 'The tree of the submitter is not mounted.');
    return this.#mount.place;
  }

  get poolPath(): string {
    return poolIn(this.#init.directory);
  }

  /** Resolves when no job can see what was before that generation; false if that takes too long, or it is over. */
  async reach(generation: number, timeoutMs: number): Promise<boolean> {
    if (!this.#over && this.#applied < generation) {
      await new Promise<void>((resolve) => {
        const waiting = { generation, wake: resolve };
        const timer = setTimeout(resolve, timeoutMs);
        waiting.wake = () => {
          clearTimeout(timer);
          resolve();
        };
        this.#waiting.add(waiting);
      });
    }
    return !this.#over && this.#applied >= generation;
  }

  /**
   * A job begins: from now on what goes wrong in the tree is held against it.
   *
   * @param onLost - the tree is gone.
   */
  enter(onLost: () => void): TreeStay {
    if (this.#mount === undefined) throw new Error('internal: a job in a tree that is not mounted');
    this.#lastJob += 1;
    const name = String(this.#lastJob);
    const stay: OpenStay = { name, scratch: this.#mount.scratchOf(name), faults: [], onLost };
    this.#stays.add(stay);
    this.#mount.watch();
    return stay;
  }

  /** All that went wrong until now has been told; rejects if the tree was lost. @throws SwarmError `E_TREE` */
  async settle(): Promise<void> {
    if (this.#mount === undefined || this.#over)
      throw new SwarmError('E_TREE', 'The tree of the submitter is gone.');
    await this.#mount.settled();
  }

  /** What the job left is not wanted any more. Never rejects. */
  async leave(stay: TreeStay): Promise<void> {
    const open = [...this.#stays].find(({ scratch }) => scratch === stay.scratch);
    if (open === undefined) return;
    this.#stays.delete(open);
    try {
      await (await this.#pool)?.discard(open.name);
    } catch {
      // The tree is gone, and swarmfs' keeper removes the scratch of all jobs.
    }
  }

  close(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#init.channel.close();
    for (const { wake } of this.#waiting) wake();
    this.#waiting.clear();
    for (const { onLost } of this.#stays) onLost();
    void this.#end();
    this.#init.onOver(this, why);
  }

  async #end(): Promise<void> {
    const pool = await this.#pool?.catch(() => undefined); // it never came up
    await Promise.all([this.#mount?.close(), pool?.close()]);
    // What jobs left is removed by swarmfs' keeper, as it may outlive this process.
    await rm(this.#init.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  #take({ type, payload }: Frame): void {
    switch (type) {
      case 'TREE_MANIFEST':
      case 'TREE_CONTENT':
        this.#mount?.supply(type, payload);
        break;
      case 'TREE_FAILED': {
        const { id, errno } = parseTreeFailed(payload);
        this.#mount?.fail(id, errno);
        break;
      }
      case 'TREE_CHANGES': {
        const { generation, more } = parseTreeChanges(payload);
        this.#parts.push(payload);
        if (!more) this.#apply(this.#parts.splice(0), generation);
        break;
      }
      default:
        throw new FrameError(`a ${type} frame from a submitter`);
    }
  }

  #apply(parts: readonly Uint8Array[], generation: number): void {
    const mount = this.#mount;
    // Before it is mounted nothing was told of the tree.
    const applied = mount === undefined ? Promise.resolve() : mount.apply(parts);
    this.#applying = Promise.all([this.#applying, applied]).then(
      () => {
        this.#applied = Math.max(this.#applied, generation);
        for (const waiting of this.#waiting) {
          if (waiting.generation > this.#applied) continue;
          this.#waiting.delete(waiting);
          waiting.wake();
        }
      },
      (error: unknown) => this.close(`changes were not taken in: ${String(error)}`),
    );
  }
}
