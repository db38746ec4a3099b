/** Puts runs into rows, one a slot, so that no two in a row overlap. Pure. */
import type { Run } from './messages.ts';
import { mayFollow, rowsOf } from './slot-rows.ts';

/** A bar; its run is replaced when it ends. */
export interface Bar {
  run: Run;
}

export interface Row {
  /** In the order of their beginnings. */
  readonly bars: Bar[];
}

interface Machine {
  rows: Row[];
  /** The most that it was seen to have; undefined: not known. */
  slots?: number;
  /** Some of what runs there takes no slot. */
  mayExceed: boolean;
  /** How many rows were needed when all was put into rows anew. */
  needed: number;
  /** Something stands behind a run of which no end is known yet. */
  isGuess: boolean;
}

export class TimelineRows {
  readonly #mostRuns: number;
  readonly #bars = new Map<string, Bar>();
  readonly #machines = new Map<string, Machine>();

  constructor(mostRuns: number) {
    this.#mostRuns = mostRuns;
  }

  get size(): number {
    return this.#bars.size;
  }

  /** Rows of a peer that have held something so far. */
  rowsOf(peer: string): readonly Row[] {
    return this.#machines.get(peer)?.rows ?? [];
  }

  /** Those that have rows. */
  get peers(): Iterable<string> {
    return [...this.#machines].filter(([, { rows }]) => rows.length > 0).map(([peer]) => peer);
  }

  runs(): Run[] {
    return [...this.#bars.values()].map(({ run }) => run);
  }

  clear(): void {
    this.#bars.clear();
    this.#machines.clear();
  }

  /** @param mayExceed - this machine itself: what it runs beside its slots is seen too. */
  hasSlots(peer: string, slots: number, mayExceed: boolean): void {
    const machine = this.#machine(peer);
    if (slots <= (machine.slots ?? 0)) return;
    Object.assign(machine, { slots, mayExceed, needed: 0 });
    this.#fit(machine);
  }

  take(runs: readonly Run[]): void {
    const touched = new Set<Machine>();
    const unknown: Run[] = [];
    // Ends first: they make room for what has begun since.
    for (const run of runs) {
      const known = this.#bars.get(run.key);
      if (known?.run.peer !== run.peer) unknown.push(run);
      else {
        known.run = run;
        touched.add(this.#machine(run.peer));
      }
    }
    for (const run of unknown.toSorted((a, b) => a.fromMs - b.fromMs)) touched.add(this.#add(run));
    for (const machine of touched) this.#fit(machine);
    // Not at every one, as all is put into rows anew.
    if (this.#bars.size > this.#mostRuns * 1.1) this.#dropOldest();
  }

  #machine(peer: string): Machine {
    const known = this.#machines.get(peer);
    if (known !== undefined) return known;
    const machine: Machine = { rows: [], mayExceed: false, needed: 0, isGuess: false };
    this.#machines.set(peer, machine);
    return machine;
  }

  #add(run: Run): Machine {
    const bar = { run };
    this.#bars.set(run.key, bar);
    const machine = this.#machine(run.peer);
    for (const row of machine.rows) {
      const place = placeIn(row, run);
      if (place === undefined) continue;
      row.bars.splice(place, 0, bar);
      return machine;
    }
    machine.rows.push({ bars: [bar] });
    return machine;
  }

  /** Puts all of a machine into rows anew, if there are more rows than slots, or not all that was known then was true. */
  #fit(machine: Machine): void {
    const { rows, slots, mayExceed, needed, isGuess } = machine;
    if (slots === undefined || (rows.length <= Math.max(slots, needed) && !isGuess)) return;
    const all = rows.flatMap(({ bars }) =>
      bars.map((bar) => ({ fromMs: bar.run.fromMs, toMs: bar.run.toMs, bar })),
    );
    const packed = rowsOf(all, mayExceed ? Number.POSITIVE_INFINITY : slots);
    machine.rows = packed.map((row) => ({ bars: row.map(({ bar }) => bar) }));
    machine.needed = packed.length;
    machine.isGuess = packed.some((row) => row.slice(0, -1).some(({ toMs }) => toMs === undefined));
  }

  #dropOldest(): void {
    const kept = this.runs()
      .toSorted((a, b) => a.fromMs - b.fromMs)
      .slice(-this.#mostRuns);
    this.#bars.clear();
    const machines = [...this.#machines.values()];
    for (const machine of machines) Object.assign(machine, { rows: [], needed: 0, isGuess: false });
    for (const run of kept) this.#add(run);
    for (const machine of machines) this.#fit(machine);
  }
}

/** Number of the first bar that begins at that time or later. */
export function firstFrom({ bars }: Row, ms: number): number {
  let low = 0;
  let high = bars.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((bars[middle]?.run.fromMs ?? 0) < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where the run fits between others; undefined: nowhere. */
function placeIn(row: Row, run: Run): number | undefined {
  const place = firstFrom(row, run.fromMs);
  const before = row.bars[place - 1]?.run;
  const after = row.bars[place]?.run;
  if (before !== undefined && !mayFollow(before, run)) return undefined;
  return after !== undefined && !mayFollow(run, after) ? undefined : place;
}
