/** Puts what ran on one machine into rows, one a slot. Pure. */

/** Begins and ends, ms since 1970; what runs still has no end. */
export interface Ran {
  readonly fromMs: number;
  readonly toMs?: number | undefined;
}

/**
 * What is seen of other machines comes late, so one may seem to begin before another has ended: at most by so much. More is
 * no matter of messages: the machine had more slots then.
 */
const mostLateMs = 1_000;

/** Whether `next` may stand behind `before` in a row. */
export function mayFollow(before: Ran, next: Ran): boolean {
  return endOf(before) <= next.fromMs;
}

/** Until when it is shown: what follows in its row has begun then, so it had ended. */
export function shownUntil(ran: Ran, following: Ran | undefined, nowMs: number): number {
  return Math.min(ran.toMs ?? nowMs, following?.fromMs ?? Number.POSITIVE_INFINITY);
}

/**
 * As few rows as can be. Where there are more at once than the machine has slots, one of them has ended, and that was not
 * told yet, or was told late: the next stands behind the one that is the first to end.
 *
 * @param mostRows - slots of the machine.
 */
export function rowsOf<One extends Ran>(all: readonly One[], mostRows: number): One[][] {
  const rows: One[][] = [];
  for (const one of all.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const row =
      rows.find((row) => mayFollow(lastOf(row), one)) ??
      (rows.length < mostRows ? undefined : firstToEnd(rows, one.fromMs));
    if (row === undefined) rows.push([one]);
    else row.push(one);
  }
  return rows;
}

function firstToEnd<One extends Ran>(rows: readonly One[][], fromMs: number): One[] | undefined {
  const first = rows.reduce((least, row) => (endOf(lastOf(row)) < endOf(lastOf(least)) ? row : least));
  const { toMs } = lastOf(first);
  return toMs !== undefined && toMs > fromMs + mostLateMs ? undefined : first;
}

function lastOf<One>(row: readonly One[]): One {
  return row[row.length - 1] as One;
}

function endOf({ toMs = Number.POSITIVE_INFINITY }: Ran): number {
  return toMs;
}
