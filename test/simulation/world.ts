/**
 * A virtual clock, links between peers, and what was seen to go wrong. One seed, one course of events: between two of
 * them the clock stands until all that follows from promises is done.
 */
import { createHeap, nextDue, popDue, pushDue } from '../../src/core/heap.ts';
import { createRandom, nextInteger, nextRandom, type RandomState } from '../../src/core/random.ts';
import type { InvariantName } from './invariants.ts';
import type { SimJob } from './sim-job.ts';

/** One-way delay of a link, ms. */
const leastDelayMs = 0.2;
const delayJitterMs = 0.4;
const kept = 30000;
/** Turns of the queue of promises within which what follows from one of them is done; four would do. */
const defaultTurns = 8;
const turn = Promise.resolve();

interface Link {
  /** Nothing was delivered before this; keeps the order of a TCP connection. */
  lastAtMs: number;
  /** Messages that are on their way, in order. */
  readonly underWay: (() => void)[];
  /** What is under way is held, as TCP does, until the way is open again. */
  blocked: boolean;
}

/** A rule of the design was broken. */
export class Violation extends Error {
  override name = 'Violation';
}

export class World {
  nowMs = 0;
  readonly random: RandomState;
  readonly #events = createHeap<() => void>();
  readonly #links = new Map<number, Link>();
  readonly #traced: string[] = [];
  readonly #tracing: boolean;
  readonly #turns: number;
  #turnsLeft = 0;
  #broken: Error | undefined;
  /** How many events there have been. */
  steps = 0;
  /** All jobs that were ever handed in, by number. */
  readonly jobs = new Map<number, SimJob>();
  /** Extra delay of every message, ms. */
  extraDelayMs = 0;
  messages = 0;
  hash = 0x811c9dc5;

  constructor(seed: number, tracing: boolean, turns = defaultTurns) {
    this.random = createRandom(seed);
    this.#tracing = tracing;
    this.#turns = turns;
  }

  chance(probability: number): boolean {
    return nextRandom(this.random) < probability;
  }

  /** An integer in [least, most]. */
  between(least: number, most: number): number {
    return least + nextInteger(this.random, most - least + 1);
  }

  pick<T>(items: readonly T[]): T {
    return items[nextInteger(this.random, items.length)] as T;
  }

  at(atMs: number, action: () => void): void {
    pushDue(this.#events, Math.max(atMs, this.nowMs), action);
  }

  after(ms: number, action: () => void): void {
    this.at(this.nowMs + ms, action);
  }

  /** Delivers over the link from one machine to another, in order, if `deliver` is still wanted then. */
  send(from: number, to: number, deliver: () => void): void {
    this.messages += 1;
    const link = this.#link(from, to);
    link.underWay.push(deliver);
    this.#deliverLater(link);
  }

  block(from: number, to: number): void {
    this.#link(from, to).blocked = true;
  }

  unblock(from: number, to: number): void {
    const link = this.#link(from, to);
    if (!link.blocked) return;
    link.blocked = false;
    // Those that fell due meanwhile, and a few that will fall due twice.
    for (let held = link.underWay.length; held > 0; held -= 1) this.#deliverLater(link);
  }

  isOpen(from: number, to: number): boolean {
    return this.#links.get(linkKey(from, to))?.blocked !== true;
  }

  /** Delivers the message that is first by then. */
  #deliverLater(link: Link): void {
    const delayMs = leastDelayMs + nextRandom(this.random) * (delayJitterMs + this.extraDelayMs);
    link.lastAtMs = Math.max(link.lastAtMs, this.nowMs + delayMs);
    this.at(link.lastAtMs, () => {
      if (!link.blocked) link.underWay.shift()?.();
    });
  }

  /** A promise that is kept at once: the clock stands until all that follows from it is done. */
  soon<Value>(value: Value): Promise<Value> {
    this.#turnsLeft = this.#turns;
    return Promise.resolve(value);
  }

  /** A promise is kept now: the clock stands as above. */
  stir(): void {
    this.#turnsLeft = this.#turns;
  }

  /** Runs until then, or until `done` says so. @returns whether it did. @throws Violation */
  async run(untilMs: number, done: () => boolean = () => false): Promise<boolean> {
    for (;;) {
      for (; this.#turnsLeft > 0; this.#turnsLeft -= 1) await turn;
      this.verify();
      if (done()) return true;
      const dueMs = nextDue(this.#events);
      if (dueMs > untilMs) {
        this.nowMs = untilMs;
        return done();
      }
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.steps += 1;
      popDue(this.#events, dueMs)?.();
    }
  }

  trace(text: () => string): void {
    if (!this.#tracing) return;
    const line = `${this.nowMs.toFixed(3)} ${text()}`;
    for (let at = 0; at < line.length; at += 1) {
      this.hash = Math.imul(this.hash ^ line.charCodeAt(at), 0x01000193) >>> 0;
    }
    this.#traced.push(line);
    if (this.#traced.length > 2 * kept) this.#traced.splice(0, kept);
  }

  lastEvents(): string[] {
    return this.#traced.slice(-kept);
  }

  /** A rule of the design; what breaks it is told by `run`, since shells catch what is thrown in them. */
  demand(condition: boolean, invariant: InvariantName, text: () => string): void {
    if (!condition) this.fail(new Violation(`${invariant}: ${text()} (at ${this.nowMs.toFixed(3)} ms)`));
  }

  fail(error: Error): void {
    this.#broken ??= error;
  }

  /** @throws what was seen to go wrong first. */
  verify(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  #link(from: number, to: number): Link {
    const key = linkKey(from, to);
    let link = this.#links.get(key);
    if (link === undefined) {
      link = { lastAtMs: 0, underWay: [], blocked: false };
      this.#links.set(key, link);
    }
    return link;
  }
}

function linkKey(from: number, to: number): number {
  return from * 65_536 + to;
}
