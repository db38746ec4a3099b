/** Jobs as events of Chrome's trace format, which Perfetto shows: a row for each slot that ran them. Pure. */
import type { Explanation } from '../../wire/cli-messages.ts';
import { type Interval, timelineOf } from './timeline.ts';

/** See "Trace Event Format"; times are µs. */
export interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: 'X' | 'b' | 'e' | 'M';
  readonly ts: number;
  readonly dur?: number;
  readonly pid: number;
  readonly tid: number;
  readonly id?: number;
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface Trace {
  readonly displayTimeUnit: 'ms';
  readonly traceEvents: readonly TraceEvent[];
}

/** The row of what jobs do while they do not run. */
const waitingPid = 1;

/** @param self - name of this machine. @param nowMs - ms since 1970. */
export function traceOf(jobs: readonly Explanation[], self: string, nowMs: number): Trace {
  const events: TraceEvent[] = [named(waitingPid, 'jobs that do not run')];
  const rows = new Rows(self, events);
  const runs: { job: Explanation; run: Interval }[] = [];
  for (const job of jobs) {
    for (const interval of timelineOf(job, nowMs)) {
      if (interval.phase === 'run') runs.push({ job, run: interval });
      else events.push(...waiting(job, interval));
    }
  }
  for (const { job, run } of runs.toSorted((a, b) => a.run.fromMs - b.run.fromMs)) {
    const { pid, tid } = rows.take(run);
    events.push({
      name: titleOf(job),
      cat: run.isLost ? 'lost' : 'run',
      ph: 'X',
      ts: micros(run.fromMs),
      dur: micros(run.toMs - run.fromMs),
      pid,
      tid,
      args: { job: job.job, command: job.command, cwd: job.cwd, ending: job.ending, reasons: reasonsOf(job) },
    });
  }
  return { displayTimeUnit: 'ms', traceEvents: events };
}

/** What a job is called: the file that it writes, or its command. */
export function titleOf({ outputs, command }: Explanation): string {
  const [first] = outputs;
  return first === undefined ? command.slice(0, 60) : first.slice(first.lastIndexOf('/') + 1);
}

function waiting(job: Explanation, { phase, fromMs, toMs }: Interval): TraceEvent[] {
  const common = { name: phase, cat: 'wait', pid: waitingPid, tid: 0, id: job.job };
  return [
    {
      ...common,
      ph: 'b',
      ts: micros(fromMs),
      args: { job: job.job, title: titleOf(job), reasons: reasonsOf(job) },
    },
    { ...common, ph: 'e', ts: micros(toMs) },
  ];
}

function reasonsOf({ reasons }: Explanation): string[] {
  return reasons.map(({ reason, peer }) => (peer === '' ? reason : `${reason} (${peer})`));
}

function micros(ms: number): number {
  return Math.round(ms * 1000);
}

/** Puts runs into rows, so that two in one row never overlap. */
class Rows {
  readonly #self: string;
  readonly #events: TraceEvent[];
  /** By place: its pid, and of each row when it is free again. */
  readonly #places = new Map<string, { readonly pid: number; readonly freeAtMs: number[] }>();

  constructor(self: string, events: TraceEvent[]) {
    this.#self = self;
    this.#events = events;
  }

  take({ place = '', fromMs, toMs }: Interval): { pid: number; tid: number } {
    let rows = this.#places.get(place);
    if (rows === undefined) {
      rows = { pid: waitingPid + 1 + this.#places.size, freeAtMs: [] };
      this.#places.set(place, rows);
      this.#events.push(named(rows.pid, place === 'inline' ? `${this.#self} (here)` : place));
    }
    const { pid, freeAtMs } = rows;
    const free = freeAtMs.findIndex((atMs) => atMs <= fromMs);
    const tid = free < 0 ? freeAtMs.length : free;
    if (free < 0)
      this.#events.push({
        name: 'thread_name',
        cat: '',
        ph: 'M',
        ts: 0,
        pid,
        tid,
        args: { name: `slot ${tid + 1}` },
      });
    freeAtMs[tid] = toMs;
    return { pid, tid };
  }
}

function named(pid: number, name: string): TraceEvent {
  return { name: 'process_name', cat: '', ph: 'M', ts: 0, pid, tid: 0, args: { name } };
}
