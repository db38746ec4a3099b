/**
 * What the submitter's machine has seen of the paths of a share: the newest fact of each, when it was looked at,
 * and a number that rises whenever it was not what it had been. Nothing is decided here but what "changed" means.
 */
import type { Fact } from '../fact.ts';
import { baseName, isBelow, joinPath, parentOf } from '../paths.ts';
import { changedAtMs, identical, identicalButCtime } from './facts.ts';

/**
 * Two ticks of the slowest usual server clock (100 Hz): what changed within one tick shows the same times. A fact is
 * settled when it was seen again this long after it was first seen; until then it counts as changed at each look.
 */
export const tickMs = 20;

/** Of more directories that lead elsewhere at once the paths are not picked out. */
const maxReleased = 32;

export interface PathEntry {
  readonly path: string;
  readonly name: string;
  /** Undefined for the root of the share. */
  readonly parent: PathEntry | undefined;
  /** There are entries below it. */
  isWay: boolean;
  fact: Fact | undefined;
  /** Text of the link, for the fact seen last. */
  target: string | undefined;
  /** When the newest look began; it shows everything from before. */
  lookedMs: number;
  /** When the newest look was over. */
  lookEndedMs: number;
  /** When the first look that saw this very fact began, and when it was over. */
  sinceMs: number;
  seenMs: number;
  settled: boolean;
  /** The table's epoch if it is what it was at the newest look until a change of it is told; else -1. */
  held: number;
  /** The times moved on since the names last changed, so even who judges by times alone will notice. */
  clean: boolean;
  /** Bumps since its ctime last moved; Infinity if it cannot be bumped, since somebody else owns it. */
  vainBumps: number;
  /** It was seen to be stale elsewhere: its times must move on before it is told again to who judges by times. */
  distrusted: boolean;
  /** The table's counter when it last differed; 0 if never seen. */
  sequence: number;
  /** The parent's sequence when this was seen to be absent, if the parent was known before; else -1. */
  absentAt: number;
  /** By the server's clock, ms. */
  changedMs: number;
  /** Place in the workers' lists of acknowledged sequences; -1 until it is watched. */
  watch: number;
  subdirectories: PathEntry[] | undefined;
  /** The sequence for which `subdirectories` holds. */
  listedAt: number;
  /** When that listing began: names are a look of their own. */
  listedMs: number;
  /** Of the newest walk that came here: its number, where the path really leads, whether nothing is there. */
  walk: number;
  real: PathEntry | undefined;
  gone: boolean;
}

export interface TableLimits {
  readonly maxEntries: number;
  readonly maxWatched: number;
}

export class PathTable {
  readonly root: string;
  readonly #limits: TableLimits;
  #entries = new Map<string, PathEntry>();
  /** Rises with every difference seen, and with every message sent: the order of all that matters. */
  counter = 0;
  watched = 0;
  /** Rises when everything was forgotten because the bounds were reached; who holds entries must drop them. */
  generation = 0;
  walks = 0;
  /** Rises when nothing is held any more. */
  #epoch = 0;
  /** All changes from before this time were told of what is held. */
  #toldMs = -Infinity;
  /** Of what was told last. */
  #toldGeneration = 0;

  constructor(root: string, limits: TableLimits) {
    this.root = root;
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  isFull(): boolean {
    return this.#entries.size >= this.#limits.maxEntries || this.watched >= this.#limits.maxWatched;
  }

  forgetAll(): void {
    this.#entries = new Map();
    this.watched = 0;
    this.generation++;
  }

  isInside(path: string): boolean {
    return isBelow(this.root, path);
  }

  /** The entry of a resolved absolute path inside the share; made with those of all directories above it. */
  entry(path: string): PathEntry {
    const known = this.#entries.get(path);
    if (known !== undefined) return known;
    if (path === this.root) return this.#make(path, path, undefined);
    if (!this.isInside(path)) throw new Error(`internal: ${path} is not in the share ${this.root}`);
    return this.#make(path, baseName(path), this.entry(parentOf(path)));
  }

  find(path: string): PathEntry | undefined {
    return this.#entries.get(path);
  }

  child(parent: PathEntry, name: string): PathEntry {
    return this.entry(joinPath(parent.path, name));
  }

  #make(path: string, name: string, parent: PathEntry | undefined): PathEntry {
    const entry: PathEntry = {
      path,
      name,
      parent,
      isWay: false,
      fact: undefined,
      target: undefined,
      lookedMs: -Infinity,
      lookEndedMs: -Infinity,
      sinceMs: -Infinity,
      seenMs: -Infinity,
      settled: false,
      held: -1,
      clean: false,
      vainBumps: 0,
      distrusted: false,
      sequence: 0,
      absentAt: -1,
      changedMs: 0,
      watch: -1,
      subdirectories: undefined,
      listedAt: -1,
      listedMs: -Infinity,
      walk: 0,
      real: undefined,
      gone: false,
    };
    if (parent !== undefined) parent.isWay = true;
    this.#entries.set(path, entry);
    return entry;
  }

  /** Gives the entry its place in the workers' lists. */
  watch(entry: PathEntry): number {
    if (entry.watch < 0) entry.watch = this.watched++;
    return entry.watch;
  }

  /** Takes in what one look saw. Looks that are overtaken by a newer one are dropped. */
  observe(entry: PathEntry, fact: Fact, beganMs: number, endedMs: number, settles: boolean): void {
    if (beganMs < entry.lookedMs) return;
    entry.held = -1;
    const before = entry.fact;
    const known = before !== undefined && identical(before, fact);
    if (!known) {
      entry.clean =
        before !== undefined &&
        fact.kind === 'directory' &&
        before.ctimeNs !== fact.ctimeNs &&
        identicalButCtime(before, fact);
      if (before?.ctimeNs !== fact.ctimeNs) {
        entry.distrusted = false;
        entry.vainBumps = 0;
      }
      entry.fact = fact;
      entry.target = undefined;
      entry.sinceMs = beganMs;
      entry.seenMs = endedMs;
      entry.changedMs = changedAtMs(fact);
      entry.settled = settles;
      entry.sequence = ++this.counter;
    } else if (!entry.settled) {
      entry.sequence = ++this.counter;
      entry.settled = settles || beganMs >= entry.seenMs + tickMs;
    }
    entry.lookedMs = beganMs;
    entry.lookEndedMs = endedMs;
    const { parent } = entry;
    entry.absentAt =
      fact.kind === 'absent' && parent?.settled === true && parent.lookEndedMs <= beganMs
        ? parent.sequence
        : -1;
  }

  /** Whether a look that began at `sinceMs` or later shows it as it is known. */
  isSeenSince(entry: PathEntry, sinceMs: number): boolean {
    return entry.lookedMs >= sinceMs || (entry.held === this.#epoch && this.#toldMs >= sinceMs);
  }

  /**
   * The look that began at `beganMs` was with a watch; nothing follows from it where a newer one was first. One whose last change may
   * not be its last within a tick is looked at again, told or not.
   */
  hold(entry: PathEntry, beganMs: number): void {
    if (entry.settled && entry.lookedMs === beganMs) entry.held = this.#epoch;
  }

  /** A look of this generation was overtaken by changes that have been told. */
  isOvertaken(generation: number): boolean {
    return generation < this.#toldGeneration;
  }

  /** All of what is held that changed before `beganMs` has been told. */
  told(generation: number, beganMs: number): void {
    this.#toldGeneration = Math.max(this.#toldGeneration, generation);
    this.#toldMs = Math.max(this.#toldMs, beganMs);
  }

  /** Nothing is held any more: changes may have been lost. */
  releaseAll(): void {
    this.#epoch += 1;
  }

  /** Who tells of changes is another one from now on. */
  startTellingAnew(): void {
    this.releaseAll();
    this.#toldMs = -Infinity;
    this.#toldGeneration = 0;
  }

  /** All paths below those that lead elsewhere now are to be looked at. */
  releaseBelow(paths: readonly string[]): void {
    if (paths.length === 0) return;
    if (paths.length > maxReleased) return this.releaseAll();
    for (const entry of this.#entries.values())
      if (paths.some((path) => isBelow(path, entry.path))) entry.held = -1;
  }

  /** Makes it count as changed, whatever its fact says: it was seen to be stale elsewhere. */
  distrust(entry: PathEntry): void {
    entry.sequence = ++this.counter;
    entry.clean = false;
    entry.distrusted = true;
    entry.lookedMs = -Infinity;
    entry.held = -1;
  }
}
