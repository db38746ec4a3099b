/** This peer's state machines, dispatcher and worker, and what it says of itself. */
import type { LoadFigures } from '../core/gossip/table.ts';
import type {
  DispatcherAction,
  DispatcherEvent,
  WorkerAction,
  WorkerEvent,
} from '../core/schedule/contract.ts';
import {
  createDispatcher,
  type DispatcherState,
  dispatch,
  inlineSlotsHeld,
  inlineWaiting,
} from '../core/schedule/dispatcher.ts';
import type { StateRow } from '../core/schedule/states.ts';
import { createWorker, inlineSlots, reportFigures, type WorkerState, work } from '../core/schedule/worker.ts';
import type { MachineFigures } from '../machine/watch.ts';

/** Interfaces come and go (VPN, Wi-Fi), rarely. */
const addressesMs = 15_000;
const maxAddresses = 16;

export interface OwnStateInit {
  readonly slots: number;
  readonly name: string;
  readonly version: string;
  readonly now: () => number;
  /** Whether jobs can run here in the files of their submitter. */
  readonly served: () => boolean;
  /** Looks at the machine's interfaces, so it is asked rarely. */
  readonly addresses: () => readonly string[];
  /** An address that this machine had is gone. */
  readonly onAddressGone: () => void;
  /** Relative speed of one core; see machine/cpu.ts. */
  readonly speed: number;
  /** Of the dispatcher's chance. */
  readonly seed: number;
  /** Told of each row of the tables of states that is followed. */
  readonly onRow?: (row: StateRow) => void;
}

export class OwnState {
  readonly #init: OwnStateInit;
  #dispatcher: DispatcherState;
  #worker: WorkerState;
  #machine: MachineFigures = { load: 0, memoryFreeBytes: 0 };
  #addresses: readonly string[] = [];
  #addressesAtMs = Number.NEGATIVE_INFINITY;
  #inline = '';

  constructor(init: OwnStateInit) {
    this.#init = init;
    const { slots, seed, onRow } = init;
    const trace = onRow === undefined ? {} : { onRow };
    this.#worker = createWorker({ slots, ...trace });
    this.#dispatcher = createDispatcher({ seed, ownSlots: inlineSlots(this.#worker), ...trace });
  }

  get dispatcher(): DispatcherState {
    return this.#dispatcher;
  }

  get worker(): WorkerState {
    return this.#worker;
  }

  decide(event: DispatcherEvent): DispatcherAction[] {
    const [state, actions] = dispatch(this.#dispatcher, event, this.#init.now());
    this.#dispatcher = state;
    return actions;
  }

  work(event: WorkerEvent): WorkerAction[] {
    const [state, actions] = work(this.#worker, event, this.#init.now());
    this.#worker = state;
    return actions;
  }

  machine(figures: MachineFigures): void {
    this.#machine = figures;
  }

  /** The addresses have changed for certain: look at the next chance. */
  readdress(): void {
    this.#addressesAtMs = Number.NEGATIVE_INFINITY;
  }

  figures(): LoadFigures {
    const nowMs = this.#init.now();
    if (nowMs - this.#addressesAtMs > addressesMs) {
      this.#addressesAtMs = nowMs;
      const addresses = this.#init.addresses().slice(0, maxAddresses);
      if (this.#addresses.some((address) => !addresses.includes(address))) this.#init.onAddressGone();
      this.#addresses = addresses;
    }
    const { slots, running, queued, load, state, reasons } = reportFigures(this.#worker);
    return {
      slots,
      running,
      queued,
      load,
      state,
      reasons,
      name: this.#init.name,
      version: this.#init.version,
      addresses: this.#addresses,
      memoryFreeBytes: Math.max(0, Math.round(this.#machine.memoryFreeBytes)),
      speed: Math.max(0.1, Math.round(this.#init.speed * 10) / 10),
      served: this.#init.served(),
    };
  }

  /** Slots that inline jobs may hold in all now. */
  inlineSlots(): number {
    return inlineSlots(this.#worker);
  }

  /** Inline jobs that hold slots or wait for one; undefined if that is as it was at the last call. */
  inlineChange(): { running: number; waiting: number } | undefined {
    const running = inlineSlotsHeld(this.#dispatcher);
    const waiting = inlineWaiting(this.#dispatcher);
    if (this.#inline === `${running} ${waiting}`) return undefined;
    this.#inline = `${running} ${waiting}`;
    return { running, waiting };
  }
}
