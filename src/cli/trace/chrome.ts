/** Jobs as events of Chrome's trace format, which Perfetto shows: a row for each slot that ran them. Pure. */
import { getOrMake } from '../../core/get-or-make.ts';
import { rowsOf, shownUntil } from '../../web/slot-rows.ts';
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

/**
 * @param self - name of this machine.
 * @param slotsOf - of the peer of that name; undefined: not known.
 * @param nowMs - ms since 1970.
 */
export function traceOf(
  jobs: readonly Explanation[],
  self: string,
  slotsOf: (peer: string) => number | undefined,
  nowMs: number,
): Trace {
  const events: TraceEvent[] = [named('process_name', waitingPid, 0, 'jobs that do not run')];
  const places = new Map<string, JobRun[]>();
  for (const job of jobs) {
    for (const interval of timelineOf(job, nowMs)) {
      const { phase, fromMs, toMs, isLost = false, place = '' } = interval;
      if (phase === 'run') getOrMake(places, place, () => []).push({ job, fromMs, toMs, isLost });
      else events.push(...waiting(job, interval));
    }
  }
  const inOrder = [...places].toSorted(([, [a]], [, [b]]) => (a?.fromMs ?? 0) - (b?.fromMs ?? 0));
  for (const [index, [place, runs]] of inOrder.entries()) {
    const pid = waitingPid + 1 + index;
    const isHere = place === 'inline';
    events.push(named('process_name', pid, 0, isHere ? `${self} (here)` : place));
    // What this machine runs beside its slots is seen too.
    const slots = isHere ? undefined : slotsOf(place);
    for (const [tid, row] of rowsOf(runs, slots ?? Number.POSITIVE_INFINITY).entries())
      events.push(
        named('thread_name', pid, tid, `slot ${tid + 1}`),
        ...row.map((run, at) => slice(run, shownUntil(run, row[at + 1], nowMs), pid, tid)),
      );
  }
  return { displayTimeUnit: 'ms', traceEvents: events };
}

interface JobRun {
  readonly job: Explanation;
  readonly fromMs: number;
  readonly toMs: number;
  readonly isLost: boolean;
}

function slice({ job, fromMs, isLost }: JobRun, untilMs: number, pid: number, tid: number): TraceEvent {
  return {
    name: titleOf(job),
    cat: isLost ? 'lost' : 'run',
    ph: 'X',
    ts: micros(fromMs),
    dur: micros(untilMs - fromMs),
    pid,
    tid,
    args: { job: job.job, command: job.command, cwd: job.cwd, ending: job.ending, reasons: reasonsOf(job) },
  };
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

function named(what: string, pid: number, tid: number, name: string): TraceEvent {
  return { name: what, cat: '', ph: 'M', ts: 0, pid, tid, args: { name } };
}
