/** Calls `action` once, after a time, unless the function that is returned is called before. */
export type StartTimer = (afterMs: number, action: () => void) => () => void;

export const startTimer: StartTimer = (afterMs, action) => {
  const timer = setTimeout(action, afterMs);
  return () => clearTimeout(timer);
};

/** One timer for the earliest of the times that a state machine asks to be called again at. */
export class Alarm {
  readonly #now: () => number;
  readonly #ring: () => void;
  #atMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param now - ms, the clock of the times that are asked for. */
  constructor(now: () => number, ring: () => void) {
    this.#now = now;
    this.#ring = ring;
  }

  at(atMs: number): void {
    if (atMs >= this.#atMs) return;
    clearTimeout(this.#timer);
    this.#atMs = atMs;
    // A timer may be a fraction of a millisecond early: then nothing would be due yet.
    const delayMs = Math.min(2 ** 30, Math.max(0, Math.ceil(atMs - this.#now()) + 1));
    this.#timer = setTimeout(() => {
      this.#atMs = Number.POSITIVE_INFINITY;
      this.#ring();
    }, delayMs);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#atMs = Number.POSITIVE_INFINITY;
  }
}
