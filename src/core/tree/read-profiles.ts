/**
 * What jobs of one kind asked for in a served tree, so that a worker that has nothing of it is told when it gets its first
 * such job: it asks for all of that at once, while the job begins. Told are names, not contents: only the worker knows what
 * it has, and what changed meanwhile it asks for as it would anyway.
 */
import { BoundedMap } from '../bounded-map.ts';
import type { TreeAsk } from './contract.ts';
import { isTreePath } from './tree-path.ts';

/** Requests that are not told apart by job count for all kinds whose jobs were offered to that worker so recently. */
const countedMs = 30_000;
/** Kinds whose jobs one worker runs at a time. */
const mostCounted = 32;
const mostKinds = 64;
/** Of a kind: what is asked for beyond that is not remembered. */
const mostAsks = 8_192;
/** Contents that a worker is told of at a time, if it has nothing of them. */
const mostBytes = 64 * 1024 * 1024;
/** What a worker had; of one that had more, anything may be told again, which it passes over. */
const mostHad = 100_000;
/** Files that a job names, of either kind. */
const mostInputs = 1_024;
/** Endings of names that are looked up beside an input, as gcc does with `u.c.gch`. */
const mostEndings = 8;
/** Of a file that a job names, and whose size is not known, that is the most of a first piece. */
const inputBytes = 1024 * 1024;

/** A job that is offered to a worker. */
export interface ProfiledJob {
  /** Of its program and what it does: jobs of one kind read much of the same. */
  readonly kind: string;
  /** Absolute paths of the files that its command names: these are its own, and not its kind's. */
  readonly inputs: readonly string[];
  /** Of those that it will write, at which most programs look first. */
  readonly outputs: readonly string[];
}

interface Profile {
  /** In the order in which they first came. */
  readonly asks: TreeAsk[];
  readonly keys: Set<string>;
  /** What was looked up beside files that jobs of the kind name: the name of such a file with this behind it. */
  readonly endings: Set<string>;
}

/** A kind for which requests count. */
interface Counted {
  /** What its newest jobs name. */
  readonly inputs: Set<string>;
  readonly outputs: Set<string>;
  untilMs: number;
}

interface Worker {
  readonly counted: BoundedMap<string, Counted>;
  /** How many of a profile's asks it was told, or had. */
  readonly told: WeakMap<Profile, number>;
  readonly had: Set<string>;
}

export class ReadProfiles {
  readonly #profiles = new BoundedMap<string, Profile>(mostKinds);
  readonly #workers = new Map<string, Worker>();

  /**
   * A job is offered to a worker.
   *
   * @returns what the worker is to be told: first what jobs of the kind ask for, then the job's own.
   */
  offered(worker: string, { kind, inputs, outputs }: ProfiledJob, nowMs: number): TreeAsk[] {
    const state = this.#worker(worker);
    const counted = state.counted.use(kind) ?? { inputs: new Set(), outputs: new Set(), untilMs: 0 };
    const read = newest(counted.inputs, inputs);
    const written = newest(counted.outputs, outputs);
    counted.untilMs = nowMs + countedMs;
    state.counted.set(kind, counted);
    const profile = this.#profile(kind);
    const asks = this.#news(state, profile);
    for (const path of read) {
      if (!isTreePath(path)) continue;
      this.#add(state, asks, { kind: 'read', path, piece: 0, sizeBytes: inputBytes });
      for (const ending of profile.endings)
        this.#add(state, asks, { kind: 'name', path: `${path}${ending}` });
    }
    for (const path of written) this.#add(state, asks, { kind: 'name', path });
    return asks;
  }

  /** A worker has asked for something. */
  asked(worker: string, ask: TreeAsk, nowMs: number): void {
    const state = this.#worker(worker);
    const key = keyOf(ask);
    note(state.had, key);
    for (const [kind, { inputs, outputs, untilMs }] of state.counted) {
      if (untilMs <= nowMs || inputs.has(ask.path) || outputs.has(ask.path)) continue;
      const { asks, keys, endings } = this.#profile(kind);
      const ending = ask.kind === 'name' ? endingOf(ask.path, inputs) : undefined;
      if (ending !== undefined) {
        if (endings.size < mostEndings) endings.add(ending);
        continue;
      }
      if (asks.length >= mostAsks || keys.has(key)) continue;
      keys.add(key);
      asks.push(ask);
    }
  }

  /** What a worker had of this path is void: another job that names it is told of it again. */
  changed(path: string): void {
    const keys = [keyOf({ kind: 'read', path, piece: 0, sizeBytes: 0 }), keyOf({ kind: 'name', path })];
    for (const { had } of this.#workers.values()) for (const key of keys) had.delete(key);
  }

  /** A worker has nothing of the tree any more. */
  left(worker: string): void {
    this.#workers.delete(worker);
  }

  #worker(name: string): Worker {
    let state = this.#workers.get(name);
    if (state === undefined) {
      state = { counted: new BoundedMap(mostCounted), told: new WeakMap(), had: new Set() };
      this.#workers.set(name, state);
    }
    return state;
  }

  #profile(kind: string): Profile {
    let profile = this.#profiles.use(kind);
    if (profile === undefined) {
      profile = { asks: [], keys: new Set(), endings: new Set() };
      this.#profiles.set(kind, profile);
    }
    return profile;
  }

  /** What of a profile the worker was not told, nor had. */
  #news(state: Worker, profile: Profile): TreeAsk[] {
    const asks: TreeAsk[] = [];
    let at = state.told.get(profile) ?? 0;
    let leftBytes = mostBytes;
    for (; at < profile.asks.length; at += 1) {
      const ask = profile.asks[at] as TreeAsk;
      const sizeBytes = ask.kind === 'read' ? ask.sizeBytes : 0;
      if (sizeBytes > leftBytes) break;
      if (this.#add(state, asks, ask)) leftBytes -= sizeBytes;
    }
    state.told.set(profile, at);
    return asks;
  }

  #add(state: Worker, asks: TreeAsk[], ask: TreeAsk): boolean {
    // A command line may name anything.
    if (!isTreePath(ask.path)) return false;
    const key = keyOf(ask);
    if (state.had.has(key)) return false;
    note(state.had, key);
    asks.push(ask);
    return true;
  }
}

/** Adds what a job names to what newest jobs named. @returns those of it that count */
function newest(named: Set<string>, paths: readonly string[]): readonly string[] {
  const own = paths.slice(0, mostInputs);
  if (named.size > mostInputs) named.clear();
  for (const path of own) named.add(path);
  return own;
}

/** What stands behind the name of an input in this path, if it begins with one in the same directory. */
function endingOf(path: string, inputs: ReadonlySet<string>): string | undefined {
  for (let at = path.lastIndexOf('.'); at > path.lastIndexOf('/') + 1; at = path.lastIndexOf('.', at - 1))
    if (inputs.has(path.slice(0, at))) return path.slice(at);
  return undefined;
}

function note(had: Set<string>, key: string): void {
  if (had.size < mostHad) had.add(key);
}

function keyOf(ask: TreeAsk): string {
  return ask.kind === 'read' ? `${ask.piece} ${ask.path}` : `${ask.kind} ${ask.path}`;
}
