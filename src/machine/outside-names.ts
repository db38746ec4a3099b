/**
 * What this machine answers when a program looks up a name outside the share, in words that two machines can compare:
 * what a file contains, that it is absent, which names a directory has. Equal answers: the same to the program.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import type { OutsideAnswered } from '../core/file-identity.ts';
import { SwarmError } from '../core/swarm-error.ts';
import type { OutsideName, StampedName } from '../core/view/trace.ts';
import { toText } from '../wire/bytes.ts';
import { Batch } from './batch.ts';

interface Kept {
  answer: Promise<string>;
  /** Once it is there. */
  known: string | undefined;
  /** Taken before the answer was. */
  readonly stamp: string;
  /** When a look began that showed this stamp, the newest. */
  seenMs: number;
}

const maxKept = 100_000;

/** Answers, remembered as long as what they are about shows the same stamp. */
export class OutsideNames {
  readonly #asking: Batch<OutsideName, OutsideAnswered>;
  readonly #kept = new BoundedMap<string, Kept>(maxKept);

  /** @param ask - looks at names, wherever it may take long without holding anything up. */
  constructor(ask: (names: readonly OutsideName[]) => Promise<readonly OutsideAnswered[]>) {
    this.#asking = new Batch(ask);
  }

  /** Whether a name was looked at by a look that began at `sinceMs` or later. */
  isSeen({ look, path }: OutsideName, sinceMs: number): boolean {
    const kept = this.#kept.get(`${look}${path}`);
    return kept !== undefined && kept.seenMs >= sinceMs;
  }

  /**
   * At once where it is known, which is nearly always. Rejects where it cannot be told now.
   *
   * @param atMs - when the look that yielded the stamp began.
   */
  answer({ look, path, stamp }: StampedName, atMs: number): string | Promise<string> {
    const key = `${look}${path}`;
    let kept = this.#kept.get(key);
    if (kept?.stamp === stamp) kept.seenMs = Math.max(kept.seenMs, atMs);
    else {
      const fresh: Kept = { answer: this.#ask({ look, path }), known: undefined, stamp, seenMs: atMs };
      fresh.answer = fresh.answer.then(
        (answer) => {
          fresh.known = answer;
          return answer;
        },
        (error: unknown) => {
          if (this.#kept.get(key) === fresh) this.#kept.delete(key);
          throw error;
        },
      );
      fresh.answer.catch(() => undefined); // whoever waits for it hears of it
      kept = fresh;
      this.#kept.set(key, kept);
    }
    return kept.known ?? kept.answer;
  }

  /** Of a name that {@link isSeen}; undefined if it was forgotten since. */
  known({ look, path }: OutsideName): string | Promise<string> | undefined {
    const kept = this.#kept.get(`${look}${path}`);
    return kept?.known ?? kept?.answer;
  }

  /** @throws SwarmError `E_NO_ANSWER` where it cannot be told, as this machine is short of something. */
  async #ask(name: OutsideName): Promise<string> {
    const answered = await this.#asking.of(name);
    if ('answer' in answered) return answered.answer;
    throw new SwarmError('E_NO_ANSWER', `${toText(name.path)} could not be looked at: ${answered.why}.`);
  }
}
