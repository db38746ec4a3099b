/**
 * Watches this machine for the worker: other people's load and free memory, once a second. The dear part, telling
 * whose the load is, is done only while there is load that is not plainly ours.
 */
import { ForeignLoad } from './foreign-load.ts';
import { LoadSampler } from './load.ts';

const intervalMs = 1_000;
/** While there is nothing to do, only one in so many is taken. */
const idleIntervals = 5;
/** Cores in use beyond this peer's own before it is asked whose they are. */
const noticeableLoad = 0.5;
/** Telling whose the load is costs some milliseconds: no more often than this. */
const attributeMs = 2_000;

export interface MachineFigures {
  readonly load: number;
  readonly memoryFreeBytes: number;
}

export interface MachineWatchInit {
  readonly now: () => number;
  /** Whether figures matter now: jobs run here or are handed in, and the machine works for others at all. */
  readonly isActive: () => boolean;
  /** Process ids that, with all below them, are the swarm's. */
  readonly ours: () => ReadonlySet<number>;
  readonly onFigures: (figures: MachineFigures) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class MachineWatch {
  readonly #init: MachineWatchInit;
  readonly #sampler = new LoadSampler();
  readonly #foreign = new ForeignLoad();
  #timer: NodeJS.Timeout | undefined;
  #attributedAtMs = Number.NEGATIVE_INFINITY;
  #load = 0;
  #skipped = 0;

  constructor(init: MachineWatchInit) {
    this.#init = init;
  }

  start(): void {
    this.#sample();
    this.#timer = setInterval(() => {
      // An idle peer is to cost nothing; what others hear of it may be some seconds old.
      this.#skipped += 1;
      if (this.#init.isActive() || this.#skipped >= idleIntervals) this.#sample();
    }, intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#sampler.close();
  }

  #sample(): void {
    this.#skipped = 0;
    try {
      const { user, system } = process.cpuUsage();
      const sampled = this.#sampler.sample((user + system) / 1000);
      const nowMs = this.#init.now();
      if (sampled.load < noticeableLoad) this.#load = 0;
      else if (nowMs - this.#attributedAtMs >= attributeMs) {
        this.#attributedAtMs = nowMs;
        this.#load = this.#foreign.sample(this.#init.ours(), nowMs);
      }
      this.#init.onFigures({ load: this.#load, memoryFreeBytes: sampled.memoryFreeBytes });
    } catch (error) {
      this.#init.log('the load of this machine could not be read', { error: String(error) });
    }
  }
}
