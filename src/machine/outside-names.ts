/**
 * What this machine answers when a program looks up a name outside the share, in words that two machines can compare:
 * what a file contains, that it is absent, which names a directory has. Equal answers: the same to the program.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import type { OutsideAnswered } from '../core/file-identity.ts';
import { getOrMake } from '../core/get-or-make.ts';
import { SwarmError } from '../core/swarm-error.ts';
import type { OutsideLook, OutsideName } from '../core/view/outside-name.ts';
import { type ByteString, toText } from '../wire/bytes.ts';
import { Batch } from './batch.ts';

const maxKept = 100_000;

/** That nothing was told to have changed. */
export interface NameHolding {
  /** Whether it was still so at `sinceMs` or later. */
  isCurrent(sinceMs: number): boolean;
}

/**
 * A name, and what is known of it. Jobs look up a thousand names, nearly always the same: who meets one again keeps it, and need
 * not look for it by its path.
 */
export class TrackedName implements OutsideName {
  readonly look: OutsideLook;
  readonly path: ByteString;
  readonly #asking: Batch<OutsideName, OutsideAnswered>;
  /** Taken before the answer was, which is believed as long as what it is about shows the same. */
  #stamp: string | undefined;
  #answer: string | Promise<string> | undefined;
  /** When a look began that showed this stamp, the newest. */
  #seenMs = Number.NEGATIVE_INFINITY;
  /** Until a change is told this stamp holds. */
  #holding: NameHolding | undefined;

  constructor({ look, path }: OutsideName, asking: Batch<OutsideName, OutsideAnswered>) {
    this.look = look;
    this.path = path;
    this.#asking = asking;
  }

  /** Whether it was looked at by a look that began at `sinceMs` or later, or is known to have been the same then. */
  isSeen(sinceMs: number): boolean {
    return this.#seenMs >= sinceMs || this.#holding?.isCurrent(sinceMs) === true;
  }

  /** The answer to the newest stamp; at once where it has come, which is nearly always. Rejects where it cannot be told now. */
  get answer(): string | Promise<string> | undefined {
    return this.#answer;
  }

  /**
   * @param atMs - when the look that yielded the stamp began.
   * @param holding - where changes since then are told.
   * @returns the answer to this stamp, as {@link answer}.
   */
  see(stamp: string, atMs: number, holding?: NameHolding): string | Promise<string> {
    if (this.#answer !== undefined && this.#stamp === stamp) {
      this.#seenMs = Math.max(this.#seenMs, atMs);
      this.#holding = holding ?? this.#holding;
      return this.#answer;
    }
    const asked = this.#ask();
    this.#stamp = stamp;
    this.#holding = holding;
    this.#answer = asked;
    this.#seenMs = atMs;
    asked.then(
      (answer) => {
        if (this.#answer === asked) this.#answer = answer;
      },
      () => {
        // Whoever waits for it hears of it; the next look asks again.
        if (this.#answer !== asked) return;
        this.#stamp = undefined;
        this.#holding = undefined;
        this.#seenMs = Number.NEGATIVE_INFINITY;
      },
    );
    return asked;
  }

  /** @throws SwarmError `E_NO_ANSWER` where it cannot be told, as this machine is short of something. */
  async #ask(): Promise<string> {
    const answered = await this.#asking.of({ look: this.look, path: this.path });
    if ('answer' in answered) return answered.answer;
    throw new SwarmError('E_NO_ANSWER', `${toText(this.path)} could not be looked at: ${answered.why}.`);
  }
}

/** Names that jobs have looked up, with what this machine answers. */
export class OutsideNames {
  readonly #asking: Batch<OutsideName, OutsideAnswered>;
  readonly #kept = new BoundedMap<string, TrackedName>(maxKept);
  /** The names in traces are the same objects job after job. */
  readonly #ofObject = new WeakMap<OutsideName, TrackedName>();

  /** @param ask - looks at names, wherever it may take long without holding anything up. */
  constructor(ask: (names: readonly OutsideName[]) => Promise<readonly OutsideAnswered[]>) {
    this.#asking = new Batch(ask);
  }

  of(name: OutsideName): TrackedName {
    let tracked = this.#ofObject.get(name);
    if (tracked !== undefined) return tracked;
    tracked = getOrMake(this.#kept, `${name.look}${name.path}`, () => new TrackedName(name, this.#asking));
    this.#ofObject.set(name, tracked);
    return tracked;
  }
}
