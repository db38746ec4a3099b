/**
 * This machine's files as one worker sees them: the stream on which it asks for them. Each request is checked, since a
 * worker may be another program than it seems, and passed on to swarmtree as fast as the worker takes the answers.
 */
import type { SessionId, TreeAsk } from '../../../core/tree/contract.ts';
import type { JobChannel } from '../../../swarm/libp2p/channel.ts';
import type { BarrierPart, TreeAnswer, TreeRequest, TreeServer } from '../../../tree/tree-server.ts';
import { type Frame, FrameError } from '../../../wire/frame.ts';
import { memberFrameBytes } from '../../../wire/limits.ts';
import { encodeTreeAhead, withMore } from '../../../wire/tree-messages.ts';
import {
  encodeTreeOpen,
  parseTreeOpened,
  parseTreeRequest,
  type TreeOpen,
  type TreeOpened,
} from '../../../wire/tree-stream-messages.ts';
import { Pushes } from './pushes.ts';

/** Mounting takes some ms; a machine that swaps may need longer. */
const openTimeoutMs = 15_000;
/** Requests at swarmtree; an answer may have a MiB. */
const mostInFlight = 32;
/** Requests that wait here before no more are read. */
const mostWaiting = 256;
/** What changed is told so late at the latest: a machine that is offered nothing is not woken by each job of the others. */
const oweMs = 50;
const mostOwedBytes = 64 * 1024;

export type OpenedTree = TreeOpened | { readonly kind: 'lost'; readonly detail: string };

export interface WorkerTreeInit {
  readonly session: SessionId;
  readonly channel: JobChannel;
  readonly server: Pick<TreeServer, 'relay'>;
  readonly open: TreeOpen;
  /** The worker asks; what it asks for, it then has. */
  readonly onAsk: (ask: TreeAsk) => void;
  /** The worker is gone, or has ended the tree. */
  readonly onOver: (tree: WorkerTree) => void;
}

interface Request {
  readonly type: TreeRequest;
  readonly payload: Uint8Array;
}

export class WorkerTree {
  /** How it went; never rejects. */
  readonly opened: Promise<OpenedTree>;
  readonly session: SessionId;
  readonly pushes: Pushes;
  readonly #channel: JobChannel;
  readonly #server: Pick<TreeServer, 'relay'>;
  readonly #onAsk: (ask: TreeAsk) => void;
  readonly #waiting: Request[] = [];
  /** Parts of barriers that are still to be told, and their bytes. */
  #owed: BarrierPart[] = [];
  #owedBytes = 0;
  #paying: NodeJS.Timeout | undefined;
  #willOwe = false;
  #inFlight = 0;
  #isCongested = false;
  #isPaused = false;
  #isOver = false;
  #settle: (opened: OpenedTree) => void = () => {};

  constructor({ session, channel, server, open, onAsk, onOver }: WorkerTreeInit) {
    this.session = session;
    this.#channel = channel;
    this.#server = server;
    this.pushes = new Pushes(server);
    this.#onAsk = onAsk;
    this.opened = new Promise((resolve) => {
      const timer = setTimeout(
        () => this.#settle({ kind: 'lost', detail: 'it did not mount the tree in time' }),
        openTimeoutMs,
      );
      this.#settle = (opened) => {
        clearTimeout(timer);
        resolve(opened);
      };
    });
    channel.limit(memberFrameBytes);
    channel.onFrame = (frame) => this.#take(frame);
    channel.onDrain = () => {
      this.#isCongested = false;
      this.#pump();
    };
    channel.onEnd = (why) => {
      this.#isOver = true;
      clearTimeout(this.#paying);
      this.#settle({ kind: 'lost', detail: `the stream of the tree ended (${why})` });
      onOver(this);
    };
    channel.send('TREE_OPEN', encodeTreeOpen(open));
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Tells what has changed: soon, and before all that follows on this stream. */
  tell(parts: readonly BarrierPart[]): void {
    this.#owed.push(...parts);
    this.#owedBytes += parts.reduce((sum, { payload }) => sum + payload.length, 0);
    if (this.#owedBytes > mostOwedBytes) this.pay();
    else if (!this.#willOwe) {
      this.#willOwe = true;
      setImmediate(() => this.#owe());
    }
  }

  /** Mostly it is paid in the turn in which it was told, and a timer that is ended all the same wakes this process once. */
  #owe(): void {
    this.#willOwe = false;
    if (this.#owed.length === 0 || this.#isOver) return;
    this.#paying ??= setTimeout(() => this.pay(), oweMs).unref();
  }

  /** Tells at once what has changed: a job is to be offered that must not see what was before. */
  pay(): void {
    clearTimeout(this.#paying);
    this.#paying = undefined;
    const owed = this.#owed;
    this.#owed = [];
    this.#owedBytes = 0;
    // As one: the worker's kernel is told of all before anything is answered.
    for (const [index, part] of owed.entries())
      this.#put('TREE_CHANGES', index === owed.length - 1 ? part.payload : withMore(part.payload));
  }

  /** Tells what jobs will ask for. */
  ahead(asks: readonly TreeAsk[]): void {
    for (const payload of encodeTreeAhead(asks)) this.#send('TREE_AHEAD', payload);
  }

  /** Sends a content that it has not asked for. */
  push(content: Uint8Array): void {
    this.#send('TREE_CONTENT', content);
  }

  close(): void {
    this.#isOver = true;
    clearTimeout(this.#paying);
    this.#settle({ kind: 'lost', detail: 'the tree was closed' });
    this.#channel.close();
  }

  #take({ type, payload }: Frame): void {
    switch (type) {
      case 'TREE_OPENED':
        this.#settle(parseTreeOpened(payload));
        break;
      case 'TREE_LIST':
      case 'TREE_LOOK':
      case 'TREE_READ': {
        this.#onAsk(parseTreeRequest(type, payload).ask);
        this.#waiting.push({ type, payload });
        this.#pump();
        break;
      }
      default:
        throw new FrameError(`a ${type} frame from a worker`);
    }
  }

  #pump(): void {
    while (!this.#isOver && !this.#isCongested && this.#inFlight < mostInFlight) {
      const request = this.#waiting.shift();
      if (request === undefined) break;
      this.#inFlight += 1;
      this.#server.relay(request.type, request.payload, (type, payload, last) =>
        this.#answer(type, payload, last),
      );
    }
    const isFull = this.#waiting.length >= mostWaiting;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) this.#channel.pause();
    else this.#channel.resume();
  }

  #answer(type: TreeAnswer, payload: Uint8Array, last: boolean): void {
    this.#send(type, payload);
    if (!last) return;
    this.#inFlight -= 1;
    this.#pump();
  }

  #send(type: TreeAnswer | 'TREE_AHEAD', payload: Uint8Array): void {
    if (this.#owed.length > 0) this.pay();
    this.#put(type, payload);
  }

  #put(type: TreeAnswer | 'TREE_CHANGES' | 'TREE_AHEAD', payload: Uint8Array): void {
    if (!this.#isOver && !this.#channel.send(type, payload)) this.#isCongested = true;
  }
}
