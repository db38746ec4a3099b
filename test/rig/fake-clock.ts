/** A clock that stands still until a test moves it, with the timers that are set on it. */
import { createHeap, nextDue, popDue, pushDue } from '../../src/core/heap.ts';
import type { StartTimer } from '../../src/peer/alarm.ts';

export class FakeClock {
  #nowMs = 0;
  readonly #timers = createHeap<() => void>();

  readonly now = (): number => this.#nowMs;

  readonly startTimer: StartTimer = (afterMs, action) => {
    let isWanted = true;
    this.at(this.#nowMs + afterMs, () => {
      if (isWanted) action();
    });
    return () => {
      isWanted = false;
    };
  };

  at(atMs: number, action: () => void): void {
    pushDue(this.#timers, atMs, action);
  }

  /** Moves on, from one timer to the next. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let dueMs = nextDue(this.#timers); dueMs <= untilMs; dueMs = nextDue(this.#timers)) {
      this.#nowMs = Math.max(this.#nowMs, dueMs);
      popDue(this.#timers, dueMs)?.();
    }
    this.#nowMs = untilMs;
  }
}
