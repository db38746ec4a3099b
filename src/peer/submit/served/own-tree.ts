/**
 * This machine's files as jobs of one project see them: one swarmtree, and the workers that look at it. What changed since
 * when, and what that means for a job, is decided by `core/tree/shown-tree.ts`.
 */
import { hostname } from 'node:os';
import type { PeerName } from '../../../core/schedule/contract.ts';
import { SwarmError } from '../../../core/swarm-error.ts';
import { pathOf } from '../../../core/tree/change-log.ts';
import type { ShownTreeAction, ShownTreeEvent, TicketId, TreeAsk } from '../../../core/tree/contract.ts';
import type { ProfiledJob, ReadProfiles } from '../../../core/tree/read-profiles.ts';
import { neverServed } from '../../../core/tree/serving-policy.ts';
import {
  createShownTree,
  type EndedJob,
  findFolded,
  findRewritten,
  isLedElsewhere,
  judgeReads,
  type ReadsVerdict,
  type Replaced,
  showTree,
} from '../../../core/tree/shown-tree.ts';
import type { JobChannel } from '../../../swarm/libp2p/channel.ts';
import { type BarrierPart, TreeServer } from '../../../tree/tree-server.ts';
import { type ByteString, fromBytes } from '../../../wire/bytes.ts';
import type { TreePath } from '../../../wire/tree-messages.ts';
import { WorkerTree } from './worker-tree.ts';

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
  /** What was asked for in this tree, and in earlier ones of the same files. */
  readonly profiles: ReadProfiles;
  readonly now: () => number;
  readonly openTree: (peer: PeerName) => JobChannel;
  readonly onLost: (why: string) => void;
}

/** Files of a job that is offered. */
export interface JobFiles {
  /** Of its inputs, those that it reads whole, whatever it does. */
  readonly sources: readonly TreePath[];
  /** To be looked at before. */
  readonly unseen: readonly TreePath[];
}

export interface PreparedJob {
  /** At which it may start. */
  readonly generation: number;
  /** What was unseen are files and directories, or not there. */
  readonly isOrdinary: boolean;
}

/** Who waits for a barrier. */
interface Waiting {
  readonly resolve: (generation: number) => void;
  readonly reject: (error: SwarmError) => void;
}

export class OwnTree {
  readonly id: string;
  readonly areas: readonly ByteString[];
  readonly #init: OwnTreeInit;
  readonly #server: TreeServer;
  readonly #workers = new Map<PeerName, WorkerTree>();
  #state = createShownTree();
  /** What the last barrier told, as it came. */
  #told: readonly BarrierPart[] = [];
  readonly #tickets = new Map<TicketId, Waiting>();
  #lastTicket = 0;
  #lastSession = 0;
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
      onListed: (path, kind) => tree?.listed(path, kind),
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
    const { id, device, openTree, profiles, now } = this.#init;
    this.#lastSession += 1;
    const session = this.#lastSession;
    const worker = new WorkerTree({
      session,
      channel: openTree(peer),
      server: this.#server,
      open: {
        tree: id,
        generation: this.#state.generation,
        uid: process.getuid?.() ?? 0,
        gid: process.getgid?.() ?? 0,
        groups: (process.getgroups?.() ?? []).slice(0, 64),
        device: String(device),
        hostName: fromBytes(Buffer.from(hostname())),
        architecture: process.arch,
      },
      onAsk: (ask) => {
        if (ask.kind === 'read') this.#step({ type: 'given', session, path: ask.path });
        profiles.asked(peer, ask, now());
      },
      onOver: (over) => {
        if (this.#workers.get(peer) === over) this.#forget(peer);
        this.#step({ type: 'over', session });
      },
    });
    this.#workers.set(peer, worker);
    this.#step({ type: 'opened', session });
    return worker;
  }

  /**
   * Tells a worker, before it is offered a job, what has changed, and what the job will read; small sources with their content.
   *
   * @throws SwarmError `E_TREE`
   */
  async prepare(peer: PeerName, job: ProfiledJob, { sources, unseen }: JobFiles): Promise<PreparedJob> {
    const worker = this.#workers.get(peer);
    // Asked for first, they have come when the barrier has passed. What changes between the two the worker asks for.
    const contents = worker?.pushes.read(sources);
    const looked = unseen.length === 0 ? true : this.#server.areOrdinary(unseen);
    const [generation, isOrdinary] = await Promise.all([this.barrier(), looked]);
    if (worker === undefined) return { generation, isOrdinary };
    const asks = this.#init.profiles.offered(peer, job, this.#init.now());
    worker.pay();
    const isPushed = ({ kind, path }: TreeAsk): boolean => {
      const content = kind === 'read' ? contents?.get(path) : undefined;
      if (content === undefined) return false;
      this.#step({ type: 'given', session: worker.session, path });
      worker.push(content);
      return true;
    };
    const rest = asks.filter((ask) => !isPushed(ask));
    if (rest.length > 0) worker.ahead(rest);
    return { generation, isOrdinary };
  }

  /**
   * Tells all workers what changed before this call.
   *
   * @returns the generation at which a job may start that was handed in before this call.
   * @throws SwarmError `E_TREE`
   */
  async barrier(): Promise<number> {
    if (this.#isOver) throw new SwarmError('E_TREE', 'The served tree is closed.');
    this.#lastTicket += 1;
    const ticket = this.#lastTicket;
    return await new Promise<number>((resolve, reject) => {
      this.#tickets.set(ticket, { resolve, reject });
      this.#step({ type: 'barrier-wanted', ticket });
    });
  }

  /** Whether what a job may have read is what there is. Comes after a barrier. */
  judge(job: EndedJob): ReadsVerdict {
    return judgeReads(this.#state, job);
  }

  /** The first of what a job would replace that has changed since it was offered. Comes after a barrier. */
  rewritten(generation: number, replaced: Iterable<Replaced>): TreePath | undefined {
    return findRewritten(this.#state, generation, replaced);
  }

  /** Whether what is there now is no longer what the job could see there, see isLedElsewhere. Comes after a barrier. */
  leadsElsewhere(generation: number, path: TreePath): boolean {
    return isLedElsewhere(this.#state, generation, path);
  }

  /** The first directory in which one of the paths lies and names are found by other letters, too. */
  folded(paths: Iterable<TreePath>): TreePath | undefined {
    return findFolded(this.#state, paths);
  }

  /** A directory was told to a worker, see `listed` in core/tree/contract.ts. */
  listed(path: TreePath, kind: { readonly eventless: boolean; readonly folded: boolean }): void {
    this.#step({ type: 'listed', path, ...kind });
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const [peer, worker] of this.#workers) {
      this.#forget(peer);
      worker.close();
    }
    void this.#server.close();
  }

  #forget(peer: PeerName): void {
    this.#workers.delete(peer);
    this.#init.profiles.left(peer);
  }

  #step(event: ShownTreeEvent): void {
    const [state, actions] = showTree(this.#state, event);
    this.#state = state;
    for (const action of actions) this.#act(action);
  }

  #act(action: ShownTreeAction): void {
    switch (action.type) {
      case 'drain':
        this.#server.compare(action.compare);
        this.#server.barrier().then(
          (parts) => {
            this.#told = parts;
            for (const change of parts.flatMap(({ changes }) => changes))
              this.#init.profiles.changed(pathOf(change));
            this.#step({ type: 'drained', parts });
          },
          (error: unknown) =>
            this.#step({ type: 'drain-failed', why: error instanceof Error ? error.message : String(error) }),
        );
        return;
      case 'tell':
        for (const worker of this.#workers.values())
          if (action.sessions.includes(worker.session)) worker.tell(this.#told);
        return;
      case 'passed':
        for (const ticket of action.tickets) this.#take(ticket)?.resolve(action.generation);
        return;
      case 'failed':
        for (const ticket of action.tickets) this.#take(ticket)?.reject(new SwarmError('E_TREE', action.why));
    }
  }

  #take(ticket: TicketId): Waiting | undefined {
    const waiting = this.#tickets.get(ticket);
    this.#tickets.delete(ticket);
    return waiting;
  }
}
