import type { ServerTree } from './server.ts';

/** A sequence of waits, in ms; what is done happens in between. */
export type Process<Result = void> = Generator<number, Result>;

/** The processes that are under way, in the order of when they go on. The clock is the server's. */
export class Timeline {
  readonly #tree: ServerTree;
  readonly #queue: { readonly atMs: number; readonly process: Process }[] = [];

  constructor(tree: ServerTree) {
    this.#tree = tree;
  }

  spawn(process: Process, delayMs: number): void {
    const atMs = this.#tree.nowMs + delayMs;
    let place = this.#queue.length;
    while (place > 0 && (this.#queue[place - 1]?.atMs ?? 0) > atMs) place--;
    this.#queue.splice(place, 0, { atMs, process });
  }

  /** Lets the next process go on until it waits again. False: there is none. */
  step(): boolean {
    const next = this.#queue.shift();
    if (next === undefined) return false;
    this.#tree.nowMs = Math.max(this.#tree.nowMs, next.atMs);
    const step = next.process.next();
    if (step.done !== true) this.spawn(next.process, step.value);
    return true;
  }
}
