/**
 * This machine's files as jobs of one project see them: one swarmtree, the workers that look at it, and what changed since
 * when. Ends when it was not used for some minutes.
 */
import { hostname } from 'node:os';
import { BoundedMap } from '../../../core/bounded-map.ts';
import type { PeerName } from '../../../core/schedule/contract.ts';
import { SwarmError } from '../../../core/swarm-error.ts';
import { neverServed } from '../../../core/tree/serving-policy.ts';
import type { JobChannel } from '../../../swarm/libp2p/channel.ts';
import { type BarrierPart, TreeServer } from '../../../tree/tree-server.ts';
import { type ByteString, fromBytes } from '../../../wire/bytes.ts';
import type { TreePath } from '../../../wire/tree-messages.ts';
import { WorkerTree } from './worker-tree.ts';

/** Changed paths that are remembered: beyond that, all that was given before is taken for changed. */
const mostChanges = 50_000;

export interface OwnTreeInit {
  /** swarmtree, compiled. */
  readonly program: string;
  /** What jobs may write below; the first holds the user's own files. */
  readonly areas: readonly ByteString[];
  /** What they may read besides, though not everybody on this machine may. */
  readonly shown: readonly ByteString[];
  /** Besides what is never served anywhere: paths. */
  readonly never: readonly ByteString[];
  /** Names it in offers; unique for the life of this peer. */
  readonly id: string;
  /** The device of the first area. */
  readonly device: bigint;
  readonly openTree: (peer: PeerName) => JobChannel;
  readonly onLost: (why: string) => void;
}

export class OwnTree {
  readonly id: string;
  readonly areas: readonly ByteString[];
  readonly #init: OwnTreeInit;
  readonly #server: TreeServer;
  readonly #workers = new Map<PeerName, WorkerTree>();
  /** When each path last changed. */
  readonly #changed = new BoundedMap<TreePath, number>(mostChanges);
  /** What changed before this generation is not known any more. */
  #knownSince = 0;
  #generation = 0;
  #barrier: Promise<number> | undefined;
  #nextBarrier: Promise<number> | undefined;
  #isOver = false;

  private constructor(init: OwnTreeInit, server: TreeServer) {
    this.#init = init;
    this.#server = server;
    this.id = init.id;
    this.areas = init.areas;
  }

  /** @throws SwarmError `E_TREE` if swarmtree does not come up. */
  static async start(init: OwnTreeInit): Promise<OwnTree> {
    let tree: OwnTree | undefined;
    const server = await TreeServer.start({
      program: init.program,
      shares: [...init.areas, ...init.shown],
      never: [...neverServed, ...init.never],
      onLost: (why) => {
        tree?.close();
        init.onLost(why);
      },
    });
    tree = new OwnTree(init, server);
    return tree;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** What that worker sees; the stream to it is opened where there is none. */
  worker(peer: PeerName): WorkerTree {
    const known = this.#workers.get(peer);
    if (known !== undefined) return known;
    const { id, device, openTree } = this.#init;
    const worker = new WorkerTree(
      openTree(peer),
      this.#server,
      {
        tree: id,
        generation: this.#generation,
        uid: process.getuid?.() ?? 0,
        gid: process.getgid?.() ?? 0,
        groups: (process.getgroups?.() ?? []).slice(0, 64),
        device: String(device),
        hostName: fromBytes(Buffer.from(hostname())),
        architecture: process.arch,
      },
      (over) => {
        if (this.#workers.get(peer) === over) this.#workers.delete(peer);
      },
    );
    this.#workers.set(peer, worker);
    return worker;
  }

  /**
   * Tells all workers what changed before this call. Calls that come while one is under way share the next.
   *
   * @returns the generation at which a job may start that was handed in before this call.
   * @throws SwarmError `E_TREE`
   */
  barrier(): Promise<number> {
    if (this.#barrier === undefined) {
      this.#barrier = this.#drain().finally(() => {
        this.#barrier = undefined;
      });
      return this.#barrier;
    }
    this.#nextBarrier ??= this.#barrier
      .catch(() => undefined) // its own callers hear of it
      .then(() => {
        this.#nextBarrier = undefined;
        return this.barrier();
      });
    return this.#nextBarrier;
  }

  /**
   * A file whose content a worker was given, and that has changed since a generation: what ran there meanwhile may have
   * read either. Comes after a barrier.
   *
   * @param isOwn - whether jobs of this peer write a file: whoever started them reads it afterwards only.
   */
  changedUnder(
    peer: PeerName,
    sinceGeneration: number,
    isOwn: (path: TreePath) => boolean,
  ): TreePath | undefined {
    const worker = this.#workers.get(peer);
    if (worker === undefined) return '';
    if (sinceGeneration < this.#knownSince) return '';
    const changed: TreePath[] = [];
    for (const [path, generation] of this.#changed)
      if (generation > sinceGeneration && !isOwn(path)) changed.push(path);
    return worker.hasAnyOf(changed);
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const worker of this.#workers.values()) worker.close();
    this.#workers.clear();
    void this.#server.close();
  }

  async #drain(): Promise<number> {
    if (this.#isOver) throw new SwarmError('E_TREE', 'The served tree is closed.');
    const parts = await this.#server.barrier();
    const generation = parts.at(-1)?.generation ?? this.#generation;
    if (generation > this.#generation || parts.some(isNews)) this.#take(parts, generation);
    return generation;
  }

  #take(parts: readonly BarrierPart[], generation: number): void {
    for (const { changes, everything } of parts) {
      if (everything) this.#knownSince = generation;
      for (const { directory, name } of changes) {
        const path = name === '' ? directory : `${directory}/${name}`;
        this.#changed.delete(path);
        if (this.#changed.size >= mostChanges) this.#knownSince = generation;
        this.#changed.set(path, generation);
      }
    }
    this.#generation = generation;
    for (const worker of this.#workers.values()) worker.tell(parts);
  }
}

function isNews({ changes, everything }: BarrierPart): boolean {
  return everything || changes.length > 0;
}
