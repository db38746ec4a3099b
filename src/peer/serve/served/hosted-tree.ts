/**
 * A submitter's tree that is mounted on this machine: its stream and its swarmfs. When a job may start, and what went wrong
 * for which, is decided by `core/tree/mounted-tree.ts`. Ends with its stream; all jobs in it end with it.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { PeerName } from '../../../core/schedule/contract.ts';
import { SwarmError } from '../../../core/swarm-error.ts';
import {
  createMountedTree,
  faultsOf,
  hostTree,
  type MountedTreeAction,
  type MountedTreeEvent,
  type MountedTreeState,
  type StayName,
  type WaitId,
} from '../../../core/tree/mounted-tree.ts';
import type { JobChannel } from '../../../swarm/libp2p/channel.ts';
import { PlacePool, poolIn } from '../../../tree/place-pool.ts';
import { removeTree } from '../../../tree/remove-tree.ts';
import { TreeMount, type TreePlace } from '../../../tree/tree-mount.ts';
import { type Frame, FrameError } from '../../../wire/frame.ts';
import { parseTreeChanges, parseTreeFailed, type TreeFault } from '../../../wire/tree-messages.ts';
import { encodeTreeOpened, type TreeOpen } from '../../../wire/tree-stream-messages.ts';
import { Alarm } from '../../alarm.ts';

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
  readonly name: StayName;
  readonly scratch: string;
}

export class HostedTree {
  readonly peer: PeerName;
  readonly hostName: string;
  readonly #init: HostedTreeInit;
  /** By the name of its stay: what kills a job. */
  readonly #kills = new Map<StayName, () => void>();
  readonly #answers = new Map<WaitId, (isReached: boolean) => void>();
  readonly #alarm: Alarm;
  #state: MountedTreeState<TreeFault>;
  #mount: TreeMount | undefined;
  #pool: Promise<PlacePool> | undefined;
  #parts: Uint8Array[] = [];
  #applying: Promise<void> = Promise.resolve();
  #lastJob = 0;
  #lastWait = 0;
  #over = false;

  constructor(init: HostedTreeInit) {
    this.#init = init;
    this.peer = init.peer;
    this.hostName = init.open.hostName;
    this.#state = createMountedTree(init.open.generation);
    this.#alarm = new Alarm(nowMs, () => this.#step({ type: 'tick' }));
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
        onFault: (fault) => this.#step({ type: 'fault', fault }),
        onLost: (why) => this.close(`swarmfs is gone: ${why}`),
        hasJobs: () => this.#state.stays.size > 0,
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

  /** Ends it if its directory was removed by hand, as with all of ~/.cache: no result comes of a job in it. */
  endIfRemoved(): boolean {
    if (this.#mount === undefined || existsSync(this.#init.directory)) return false;
    this.close('its directory was removed');
    return true;
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
    this.#lastWait += 1;
    const wait = this.#lastWait;
    return await new Promise<boolean>((resolve) => {
      this.#answers.set(wait, resolve);
      this.#step({ type: 'offered', wait, generation, untilMs: nowMs() + timeoutMs });
    });
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
    this.#kills.set(name, onLost);
    this.#step({ type: 'entered', stay: name });
    this.#mount.watch();
    return { name, scratch: this.#mount.scratchOf(name) };
  }

  /** Why the result of a job is not to be believed; ask when {@link settle} is over. */
  faultsOf(stay: TreeStay): readonly TreeFault[] {
    return faultsOf(this.#state, stay.name);
  }

  /** All that went wrong until now has been told; rejects if the tree was lost. @throws SwarmError `E_TREE` */
  async settle(): Promise<void> {
    if (this.#mount === undefined || this.#over)
      throw new SwarmError('E_TREE', 'The tree of the submitter is gone.');
    await this.#mount.settled();
  }

  /** What the job left is not wanted any more. Never rejects. */
  async leave(stay: TreeStay): Promise<void> {
    if (!this.#kills.delete(stay.name)) return;
    this.#step({ type: 'left', stay: stay.name });
    try {
      await (await this.#pool)?.discard(stay.name);
    } catch {
      // The tree is gone, and swarmfs' keeper removes the scratch of all jobs.
    }
  }

  close(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#init.channel.close();
    this.#step({ type: 'lost' });
    this.#alarm.cancel();
    void this.#end();
    this.#init.onOver(this, why);
  }

  async #end(): Promise<void> {
    const pool = await this.#pool?.catch(() => undefined); // it never came up
    await Promise.all([this.#mount?.close(), pool?.close()]);
    // What jobs left is removed by swarmfs' keeper, as it may outlive this process.
    await removeTree(this.#init.directory).catch(() => {
      // As where no descriptor is left; the sweep of a later start finds it.
    });
  }

  #take({ type, payload }: Frame): void {
    switch (type) {
      case 'TREE_MANIFEST':
      case 'TREE_CONTENT':
        this.#mount?.supply(type, payload);
        break;
      case 'TREE_AHEAD':
        this.#mount?.ahead(payload);
        break;
      case 'TREE_FAILED': {
        const { id, errno } = parseTreeFailed(payload);
        this.#mount?.fail(id, errno);
        break;
      }
      case 'TREE_CHANGES': {
        const { generation, more } = parseTreeChanges(payload);
        this.#parts.push(payload);
        if (!more) this.#step({ type: 'told', generation });
        break;
      }
      default:
        throw new FrameError(`a ${type} frame from a submitter`);
    }
  }

  #step(event: MountedTreeEvent<TreeFault>): void {
    const [state, actions] = hostTree(this.#state, event, nowMs());
    this.#state = state;
    for (const action of actions) this.#act(action);
  }

  #act(action: MountedTreeAction): void {
    switch (action.type) {
      case 'apply':
        return this.#apply(this.#parts.splice(0));
      case 'answer':
        this.#answers.get(action.wait)?.(action.isReached);
        this.#answers.delete(action.wait);
        return;
      case 'wake':
        return this.#alarm.at(action.atMs);
      case 'kill':
        for (const stay of action.stays) this.#kills.get(stay)?.();
    }
  }

  #apply(parts: readonly Uint8Array[]): void {
    const mount = this.#mount;
    // Before it is mounted nothing was told of the tree.
    const applied = mount === undefined ? Promise.resolve() : mount.apply(parts);
    this.#applying = Promise.all([this.#applying, applied]).then(
      () => this.#step({ type: 'applied' }),
      (error: unknown) => this.close(`changes were not taken in: ${String(error)}`),
    );
  }
}

function nowMs(): number {
  return performance.now();
}
