/** The dice of a history. All that it draws comes from one seed, so the order of the draws is part of the history. */
import { createRandom, nextInteger, nextRandom, type RandomState } from '../../../src/core/random.ts';

export class Dice {
  readonly random: RandomState;
  /** 1, or less where networks and machines are quick. */
  readonly pace: number;

  constructor(seed: number) {
    this.random = createRandom(seed);
    this.pace = this.chance(0.5) ? 1 : 0.1;
  }

  chance(probability: number): boolean {
    return nextRandom(this.random) < probability;
  }

  /** An integer in [0, count). */
  below(count: number): number {
    return nextInteger(this.random, count);
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('internal: nothing to pick from');
    return item;
  }

  upTo(ms: number): number {
    return nextRandom(this.random) * ms;
  }

  /** Anything from -ms to ms. */
  around(ms: number): number {
    return (nextRandom(this.random) - 0.5) * 2 * ms;
  }

  /** How long something takes: some networks and machines are quick enough for much to happen in one tick. */
  delay(ms: number): number {
    return nextRandom(this.random) * ms * this.pace;
  }

  /** How long people and programs do nothing. */
  pause(): number {
    return this.upTo(this.pick([1, 12, 12, 30, 300, 300, 3_000, 20_000, 90_000]));
  }
}
