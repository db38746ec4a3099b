/** Puts runs into rows, one a slot, so that no two in a row overlap. Pure. */
import type { Run } from './messages.ts';

/** One that begins so long before another has ended may follow it: what is seen of other machines comes late. */
const toleranceMs = 25;

/** A bar; its run is replaced when it ends. */
export interface Bar {
  run: Run;
}

export interface Row {
  /** In the order of their beginnings. */
  readonly bars: Bar[];
}

export class TimelineRows {
  readonly #mostRuns: number;
  readonly #bars = new Map<string, Bar>();
  readonly #rows = new Map<string, Row[]>();

  constructor(mostRuns: number) {
    this.#mostRuns = mostRuns;
  }

  get size(): number {
    return this.#bars.size;
  }

  /** Rows of a peer that have held something so far. */
  rowsOf(peer: string): readonly Row[] {
    return this.#rows.get(peer) ?? [];
  }

  get peers(): Iterable<string> {
    return this.#rows.keys();
  }

  runs(): Run[] {
    return [...this.#bars.values()].map(({ run }) => run);
  }

  clear(): void {
    this.#bars.clear();
    this.#rows.clear();
  }

  take(runs: readonly Run[]): void {
    for (const run of runs) {
      const known = this.#bars.get(run.key);
      if (known?.run.peer === run.peer) known.run = run;
      else this.#add(run);
    }
    // Not at every one, as all is put into rows anew.
    if (this.#bars.size > this.#mostRuns * 1.1) this.#dropOldest();
  }

  #add(run: Run): void {
    const bar = { run };
    this.#bars.set(run.key, bar);
    const rows = this.#rows.get(run.peer) ?? [];
    this.#rows.set(run.peer, rows);
    for (const row of rows) {
      const place = placeIn(row, run);
      if (place === undefined) continue;
      row.bars.splice(place, 0, bar);
      return;
    }
    rows.push({ bars: [bar] });
  }

  #dropOldest(): void {
    const kept = this.runs()
      .toSorted((a, b) => a.fromMs - b.fromMs)
      .slice(-this.#mostRuns);
    this.clear();
    for (const run of kept) this.#add(run);
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
function placeIn(row: Row, { fromMs, toMs = Number.POSITIVE_INFINITY }: Run): number | undefined {
  const place = firstFrom(row, fromMs);
  const before = row.bars[place - 1]?.run;
  const after = row.bars[place]?.run;
  if (before !== undefined && (before.toMs ?? Number.POSITIVE_INFINITY) > fromMs + toleranceMs)
    return undefined;
  return after !== undefined && after.fromMs < toMs - toleranceMs ? undefined : place;
}
