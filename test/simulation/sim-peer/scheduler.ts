import type {
  DispatcherAction,
  DispatcherEvent,
  WorkerAction,
  WorkerEvent,
} from '../../../src/core/schedule/contract.ts';
import {
  createDispatcher,
  type DispatcherState,
  dispatch,
  inlineSlotsHeld,
  inlineWaiting,
} from '../../../src/core/schedule/dispatcher.ts';
import type { StateRow } from '../../../src/core/schedule/states.ts';
import { createWorker, inlineSlots, type WorkerState, work } from '../../../src/core/schedule/worker.ts';
import type { Tampering } from '../invariants.ts';
import type { World } from '../world.ts';
import type { SimPeerOptions } from './options.ts';

/** Who carries out what is decided. */
interface Carriers {
  readonly dispatcher: (action: DispatcherAction) => void;
  readonly worker: (action: WorkerAction) => void;
}

/** The dispatcher and worker that ship, fed with one event after the other. */
export class Scheduler {
  readonly #world: World;
  readonly #carry: Carriers;
  readonly #tampering: Tampering;
  readonly #trace: { readonly onRow?: (row: StateRow) => void };
  dispatcher: DispatcherState = createDispatcher({ seed: 0 });
  worker: WorkerState = createWorker({ slots: 0 });
  #events: (() => void)[] = [];
  #draining = false;
  /** Called after each step of the worker. */
  onWorked: (() => void) | undefined;
  #ownSlots = -1;
  #inlineTold = '0 0';

  constructor(
    world: World,
    carry: Carriers,
    { onRow, tampering = {} }: Pick<SimPeerOptions, 'onRow' | 'tampering'>,
  ) {
    this.#world = world;
    this.#carry = carry;
    this.#tampering = tampering;
    this.#trace = onRow === undefined ? {} : { onRow };
  }

  /** As after a start; to be followed by `sync`. */
  reset(seed: number, slots: number): void {
    this.dispatcher = createDispatcher({ seed, ownSlots: 0, ...this.#trace });
    this.worker = createWorker({ slots, ...this.#trace });
    this.#ownSlots = -1;
    this.#inlineTold = '0 0';
  }

  /** Forgets the events that wait. */
  stop(): void {
    this.#events = [];
  }

  dispatch(event: DispatcherEvent): void {
    this.feed(() => this.#stepDispatcher(event));
  }

  work(event: WorkerEvent): void {
    this.feed(() => this.#stepWorker(event));
  }

  /** `step` follows on all events that wait. */
  feed(step: () => void): void {
    this.#events.push(step);
    this.#drain();
  }

  /** Both halves know of each other's slots before anything else happens. */
  sync(): void {
    const running = inlineSlotsHeld(this.dispatcher);
    const waiting = inlineWaiting(this.dispatcher);
    const told = `${running} ${waiting}`;
    if (told !== this.#inlineTold) {
      this.#inlineTold = told;
      this.#events.unshift(() => this.#stepWorker({ type: 'inline', running, waiting }));
    }
    const freeSlots = inlineSlots(this.worker);
    if (freeSlots !== this.#ownSlots) {
      this.#ownSlots = freeSlots;
      this.#events.unshift(() => this.#stepDispatcher({ type: 'own', freeSlots }));
    }
    this.#drain();
  }

  #stepDispatcher(given: DispatcherEvent): void {
    const { dispatch: tampered, carry, forget } = this.#tampering;
    const event = tampered === undefined ? given : tampered(given);
    if (event === undefined) return;
    const [state, actions] = dispatch(this.dispatcher, event, this.#world.nowMs);
    this.dispatcher = state;
    forget?.(state);
    for (const action of carry === undefined ? actions : actions.flatMap(carry))
      this.#carry.dispatcher(action);
    this.sync();
  }

  #stepWorker(given: WorkerEvent): void {
    const { work: tampered } = this.#tampering;
    const event = tampered === undefined ? given : tampered(given);
    if (event === undefined) return;
    const [state, actions] = work(this.worker, event, this.#world.nowMs);
    this.worker = state;
    this.onWorked?.();
    for (const action of actions) this.#carry.worker(action);
    this.sync();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let step = this.#events.shift(); step !== undefined; step = this.#events.shift()) step();
    } finally {
      this.#draining = false;
    }
  }
}
