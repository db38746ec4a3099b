/**
 * The submitter's side of a served tree: `swarmtree`, which shows this machine's files and sees what changes. What
 * workers ask is passed on to it as it came; who may ask, and who must be told of a change, is decided elsewhere.
 */
import { SwarmError } from '../core/swarm-error.ts';
import { isTreePath } from '../core/tree/tree-path.ts';
import type { ByteString } from '../wire/bytes.ts';
import type { Frame } from '../wire/frame.ts';
import {
  encodeTreeBarrier,
  encodeTreeCompare,
  encodeTreeForget,
  encodeTreeLooks,
  encodeTreeStart,
  encodeTreeStatus,
  parseTreeChanges,
  parseTreeFigures,
  parseTreeLooked,
  parseTreeManifestHead,
  readId,
  type TreeChanges,
  type TreeFigures,
  type TreeLooked,
  type TreePath,
  withId,
} from '../wire/tree-messages.ts';
import { Helper, Readiness, Requests } from './helper.ts';
import { HelperWatch } from './helper-watch.ts';

const barrierTimeoutMs = 10_000;
const statusTimeoutMs = 5_000;
const looksTimeoutMs = 10_000;
/** Paths in one message, which may have a MiB; so may the answer, of 34 bytes for each. */
const mostPathBytes = 512 * 1024;
const mostPaths = 16_384;

/** Of a record's kinds (src/native/fact.h): file, directory, absent. */
const ordinaryKinds = 'fda';

/** What swarmfs asks for, to be passed on to swarmtree. */
export type TreeRequest = 'TREE_LIST' | 'TREE_LOOK' | 'TREE_READ';
/** What answers it. */
export type TreeAnswer = 'TREE_MANIFEST' | 'TREE_CONTENT';

/** One message of a barrier's answer: read, and as it came, to be passed on to workers. */
export interface BarrierPart extends TreeChanges {
  readonly payload: Uint8Array;
}

export interface TreeServerOptions {
  /** swarmtree, compiled. */
  readonly program: string;
  /** Real paths; below them everything is served that the user may read. */
  readonly shares: readonly ByteString[];
  /** Never served: paths with all below, and names (`.ssh`, `.config/browser`) anywhere. */
  readonly never: readonly ByteString[];
  /** Barriers tell that something changed, and not what it is now: nobody else is told. @default false */
  readonly changesOnly?: boolean;
  /** For {@link TreeServer.look}: beyond so many directories and files nothing is watched. @default 0 */
  readonly mostWatched?: number;
  /** Files of the system up to this size are told with their hash. @default 65536 */
  readonly hashBelowBytes?: number;
  /** Where hashes are kept for the next start. */
  readonly indexPath?: ByteString;
  /**
   * A directory was told to somebody; `eventless`: what changes in it raises no event; `folded`: it finds names by other letters, too.
   */
  readonly onListed?: (
    path: TreePath,
    kind: { readonly eventless: boolean; readonly folded: boolean },
  ) => void;
  readonly onLost: (why: string) => void;
  /** Between two looks at one that owes an answer, see {@link HelperWatch}. @default 1000 */
  readonly lookMs?: number;
}

interface Relayed {
  readonly id: number;
  /** @param last - no more of this answer follows. */
  readonly answer: (type: TreeAnswer, payload: Uint8Array, last: boolean) => void;
}

/** Shows this machine's files. {@link TreeServer.close} ends it. */
export class TreeServer {
  readonly #helper: Helper;
  readonly #onListed: TreeServerOptions['onListed'];
  readonly #barriers = new Requests<readonly BarrierPart[]>();
  readonly #figures = new Requests<TreeFigures>();
  readonly #looks = new Requests<TreeLooked>();
  readonly #watch: HelperWatch;
  readonly #parts: BarrierPart[] = [];
  readonly #relayed = new Map<number, Relayed>();
  #nextRelayed = 1;

  private constructor(options: TreeServerOptions, readiness: Readiness) {
    this.#onListed = options.onListed;
    this.#helper = new Helper({
      program: options.program,
      allowed: ['TREE_READY', 'TREE_MANIFEST', 'TREE_CONTENT', 'TREE_CHANGES', 'TREE_LOOKED', 'TREE_FIGURES'],
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
      isNeeded: () => this.#relayed.size > 0 || this.#barriers.isAsked || this.#looks.isAsked,
      onHung: (why) => this.#helper.lose(why),
      lookMs: options.lookMs,
    });
    this.#helper.send(
      'TREE_START',
      encodeTreeStart([
        ...options.shares.map((share) => ['share', share] as const),
        ...options.never.map((never) => ['never', never] as const),
        ['mostWatched', options.mostWatched ?? 0],
        ['changesOnly', options.changesOnly === true ? 1 : 0],
        ['hashBelowBytes', options.hashBelowBytes ?? 65_536],
        ['index', options.indexPath ?? ''],
      ]),
    );
  }

  /** @throws SwarmError `E_TREE` if it does not come up. */
  static async start(options: TreeServerOptions): Promise<TreeServer> {
    const readiness = new Readiness(options.program);
    const server = new TreeServer(options, readiness);
    await server.#helper.ready(readiness);
    return server;
  }

  get pid(): number {
    return this.#helper.pid;
  }

  /** Passes a worker's request on; `answer` is called with each message of the answer, under the worker's number. */
  relay(type: TreeRequest, payload: Uint8Array, answer: Relayed['answer']): void {
    const own = this.#nextRelayed;
    this.#nextRelayed = (own % 0xffff_fffe) + 1;
    this.#relayed.set(own, { id: readId(type, payload), answer });
    this.#helper.send(type, withId(payload, own));
    this.#watch.wake();
  }

  /** All that changed before this call, and was told to anybody. @throws SwarmError `E_TREE` */
  async barrier(): Promise<readonly BarrierPart[]> {
    this.#watch.wake();
    return await this.#barriers.ask(barrierTimeoutMs, (id) =>
      this.#helper.send('TREE_BARRIER', encodeTreeBarrier(id)),
    );
  }

  /** What there is at paths, each watched first, with all on the way there. @throws SwarmError `E_TREE` */
  async look(paths: readonly TreePath[]): Promise<readonly TreeLooked[]> {
    this.#watch.wake();
    return await Promise.all([...inFrames(paths)].map((some) => this.#lookAt(some)));
  }

  /** Whether at each path is a file, a directory or nothing: no link, nor anything that can be read only once. @throws SwarmError `E_TREE` */
  async areOrdinary(paths: readonly TreePath[]): Promise<boolean> {
    if (!paths.every(isTreePath)) return false;
    const looked = await this.look(paths);
    return looked.every(
      ({ errno, looks }) =>
        errno === 0 && looks.every(({ record }) => ordinaryKinds.includes(record.charAt(0))),
    );
  }

  async #lookAt(paths: readonly TreePath[]): Promise<TreeLooked> {
    const looked = await this.#looks.ask(looksTimeoutMs, (id) =>
      this.#helper.send('TREE_LOOKS', encodeTreeLooks({ id, paths })),
    );
    if (looked.looks.length === paths.length) return looked;
    const why = `it answered ${looked.looks.length} looks, not ${paths.length}`;
    this.#helper.lose(why);
    throw new SwarmError('E_TREE', `A helper of the served tree is gone: ${why}.`);
  }

  /** Looks again at directories whose changes raise no events; the next barrier tells what differs. */
  compare(paths: readonly TreePath[]): void {
    for (const some of inFrames(paths)) this.#helper.send('TREE_COMPARE', encodeTreeCompare(some));
  }

  /** No worker has anything of this directory any more. */
  forget(path: TreePath): void {
    this.#helper.send('TREE_FORGET', encodeTreeForget(path));
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

  /** Whoever waits for an answer waits in vain. */
  #lose(why: string): void {
    this.#watch.stop();
    this.#barriers.lose(why);
    this.#figures.lose(why);
    this.#looks.lose(why);
  }

  #take({ type, payload }: Frame, readiness: Readiness): void {
    if (type === 'TREE_READY') readiness.frame(payload);
    else if (type === 'TREE_CHANGES') this.#takeChanges(payload);
    else if (type === 'TREE_LOOKED') {
      const looked = parseTreeLooked(payload);
      this.#looks.answer(looked.id, looked);
    } else if (type === 'TREE_FIGURES') {
      const { id, figures } = parseTreeFigures(payload);
      this.#figures.answer(id, figures);
    } else if (type === 'TREE_MANIFEST') {
      const { path, eventless, folded, failed, more } = parseTreeManifestHead(payload);
      if (!failed) this.#onListed?.(path, { eventless, folded });
      this.#takeAnswer(type, payload, more);
    } else if (type === 'TREE_CONTENT') this.#takeAnswer(type, payload, false);
  }

  #takeAnswer(type: TreeAnswer, payload: Uint8Array, more: boolean): void {
    const own = readId(type, payload);
    const relayed = this.#relayed.get(own);
    if (!more) this.#relayed.delete(own);
    relayed?.answer(type, withId(payload, relayed.id), !more);
  }

  #takeChanges(payload: Uint8Array): void {
    const part = { ...parseTreeChanges(payload), payload };
    this.#parts.push(part);
    if (!part.more) this.#barriers.answer(part.id, this.#parts.splice(0));
  }
}

/** Parts of a list of paths that each fit into one message. */
function* inFrames(paths: readonly TreePath[]): Generator<readonly TreePath[]> {
  let some: TreePath[] = [];
  let bytes = 0;
  for (const path of paths) {
    bytes += path.length + 2;
    if (bytes > mostPathBytes || some.length === mostPaths) {
      yield some;
      some = [];
      bytes = path.length + 2;
    }
    some.push(path);
  }
  if (some.length > 0) yield some;
}
