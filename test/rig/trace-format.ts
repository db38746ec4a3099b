/** What "Trace Event Format" asks of a file that Perfetto and Chrome are to show, as far as ours has such events. */
import assert from 'node:assert/strict';

interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: string;
  readonly ts: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: number;
  readonly args?: { readonly name?: string };
}

export interface Trace {
  readonly displayTimeUnit: string;
  readonly traceEvents: readonly TraceEvent[];
}

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

/** @returns the name of each process. @throws AssertionError that holds the event. */
export function assertTraceFormat({ displayTimeUnit, traceEvents }: Trace): ReadonlyMap<number, string> {
  assert.ok(['ms', 'ns'].includes(displayTimeUnit));
  const named = { process_name: new Map<string, string>(), thread_name: new Map<string, string>() };
  const begun = new Map<string, number>();
  const freeAt = new Map<string, number>();
  for (const event of traceEvents.toSorted((a, b) => a.ts - b.ts)) {
    const { name, cat, ph, ts, dur, pid, tid, id, args } = event;
    const told = JSON.stringify(event);
    assert.ok(name !== '' && isWhole(ts) && isWhole(pid) && isWhole(tid), told);
    const row = `${pid} ${tid}`;
    if (ph === 'M') {
      assert.ok(name === 'process_name' || name === 'thread_name', told);
      assert.equal(typeof args?.name, 'string', told);
      named[name].set(name === 'process_name' ? String(pid) : row, args?.name ?? '');
    } else if (ph === 'X') {
      assert.ok(isWhole(dur), told);
      // Both ends are rounded.
      assert.ok((freeAt.get(row) ?? 0) <= ts + 1, `two at once in one row: ${told}`);
      freeAt.set(row, ts + (dur ?? 0));
    } else {
      assert.ok((ph === 'b' || ph === 'e') && isWhole(id), told);
      const key = `${cat} ${id} ${name}`;
      const open = (begun.get(key) ?? 0) + (ph === 'b' ? 1 : -1);
      assert.ok(open >= 0, `it ends before it begins: ${told}`);
      begun.set(key, open);
    }
  }
  assert.deepEqual(
    [...begun].filter(([, open]) => open !== 0),
    [],
    'each that begins ends',
  );
  for (const { pid } of traceEvents)
    assert.ok(named.process_name.has(String(pid)), `process ${pid} has a name`);
  for (const row of freeAt.keys()) assert.ok(named.thread_name.has(row), `row ${row} has a name`);
  return new Map([...named.process_name].map(([pid, name]) => [Number(pid), name]));
}
