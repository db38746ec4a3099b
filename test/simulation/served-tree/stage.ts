/** What all machines of a history share: the clock, the dice, what is under way, and what is found. */
import { Dice } from '../stale-cache/dice.ts';

/** A sequence of waits: so many ms, or until something is said. */
export type Process<Result = void> = Generator<number | Word<unknown>, Result>;

/** Something that is waited for, and is said once. */
export class Word<Value> {
  value: Value | undefined;
  isSaid = false;
  readonly #stage: Stage;
  readonly #waiting: Process[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  say(value: Value): void {
    if (this.isSaid) return;
    this.isSaid = true;
    this.value = value;
    for (const process of this.#waiting.splice(0)) this.#stage.spawn(process);
  }

  heardBy(process: Process): void {
    if (this.isSaid) this.#stage.spawn(process);
    else this.#waiting.push(process);
  }

  *wait(): Process<Value> {
    while (!this.isSaid) yield this;
    return this.value as Value;
  }
}

export class Stage {
  readonly dice: Dice;
  nowMs = 1_000_000;
  readonly wrong: string[] = [];
  readonly counts = new Map<string, number>();
  readonly #queue: { readonly atMs: number; readonly act: () => void }[] = [];

  constructor(seed: number) {
    this.dice = new Dice(seed);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  after(delayMs: number, act: () => void): void {
    const atMs = this.nowMs + delayMs;
    let place = this.#queue.length;
    while (place > 0 && (this.#queue[place - 1]?.atMs ?? 0) > atMs) place--;
    this.#queue.splice(place, 0, { atMs, act });
  }

  spawn(process: Process, delayMs = 0): void {
    this.after(delayMs, () => {
      const step = process.next();
      if (step.done === true) return;
      if (typeof step.value === 'number') this.spawn(process, step.value);
      else step.value.heardBy(process);
    });
  }

  /** Lets the next thing happen. False: there is none. */
  step(): boolean {
    const next = this.#queue.shift();
    if (next === undefined) return false;
    this.nowMs = Math.max(this.nowMs, next.atMs);
    next.act();
    return true;
  }
}

/** One direction of a stream: what is sent arrives in its order, sooner or later, until it is cut. */
export class Pipe {
  readonly #stage: Stage;
  readonly #paceMs: number;
  #lastAtMs = 0;
  #isCut = false;

  constructor(stage: Stage, paceMs: number) {
    this.#stage = stage;
    this.#paceMs = paceMs;
  }

  send(arrive: () => void): void {
    const { dice, nowMs } = this.#stage;
    const isSlow = dice.chance(0.1);
    this.#lastAtMs = Math.max(this.#lastAtMs, nowMs + dice.upTo(isSlow ? this.#paceMs * 20 : this.#paceMs));
    this.#stage.after(this.#lastAtMs - nowMs, () => {
      if (!this.#isCut) arrive();
    });
  }

  cut(): void {
    this.#isCut = true;
  }
}
