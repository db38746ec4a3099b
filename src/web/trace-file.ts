/** Reads what `buildswarm trace` has written, to show it as the page shows what happens now. Pure. */
import { visibleValue } from '../core/visible.ts';
import type { Run } from './messages.ts';
import { kindOf } from './run-kind.ts';

/** What the process of runs on the machine of the trace is called: see cli/trace/chrome.ts. */
const hereMark = ' (here)';

export interface TraceFile {
  readonly runs: readonly Run[];
  /** Names of the machines, in their order. */
  readonly machines: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
}

/** The fields of an event that are read; whoever wrote the file, any may hold anything. */
interface AnyEvent {
  readonly name?: unknown;
  readonly cat?: unknown;
  readonly ph?: unknown;
  readonly ts?: unknown;
  readonly dur?: unknown;
  readonly pid?: unknown;
  readonly tid?: unknown;
  readonly id?: unknown;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** @returns a sentence if it is no such file. */
export function parseTraceFile(json: string): TraceFile | string {
  let parsed: unknown;
  try {
    parsed = visibleValue(JSON.parse(json));
  } catch {
    return 'This file is not JSON; open one that `buildswarm trace` has written.';
  }
  const events = (parsed as { traceEvents?: unknown } | null)?.traceEvents;
  if (!Array.isArray(events))
    return 'This file has no traceEvents; open one that `buildswarm trace` has written.';
  const all = events.filter((event): event is AnyEvent => typeof event === 'object' && event !== null);
  const names = new Map(
    all.flatMap(({ name, pid, args }) =>
      name === 'process_name' ? [[pid, text(args?.['name'])] as const] : [],
    ),
  );
  const self = [...names.values()].find((name) => name.endsWith(hereMark)) ?? '';
  const begun = new Map<unknown, number>();
  for (const { ph, id, ts } of all) if (ph === 'b' && !begun.has(id)) begun.set(id, number(ts));
  const runs = all
    .filter(({ ph }) => ph === 'X')
    .map((event) => runOf(event, names.get(event.pid) ?? '', self.slice(0, -hereMark.length), begun));
  if (runs.length === 0) return 'No job ran in this trace.';
  const machines = [...new Set([...names.values()].filter((name) => runs.some(({ peer }) => peer === name)))];
  return {
    runs,
    machines: machines.toSorted((a, b) => Number(b === self) - Number(a === self) || (a < b ? -1 : 1)),
    fromMs: runs.reduce((least, { fromMs, waitedMs }) => Math.min(least, fromMs - waitedMs), Infinity),
    toMs: runs.reduce((most, { fromMs, toMs = fromMs }) => Math.max(most, toMs), 0),
  };
}

function runOf(event: AnyEvent, peer: string, submitter: string, begun: ReadonlyMap<unknown, number>): Run {
  const { name, cat, ts, dur, pid, tid, args = {} } = event;
  const { job, command, cwd, ending, reasons } = args;
  const fromMs = number(ts) / 1000;
  const title = text(name);
  const came = text(ending);
  const ended = /^(?:exited 0|)$/.test(came) ? ('elsewhere' as const) : ('failed' as const);
  return {
    key: `${String(pid)} ${String(tid)} ${number(ts)}`,
    job: number(job),
    submitter,
    title,
    cwd: text(cwd),
    command: text(command),
    kind: kindOf(title.includes(' ') ? undefined : title),
    peer,
    fromMs,
    toMs: fromMs + number(dur) / 1000,
    outcome: cat === 'lost' ? 'lost' : peer.endsWith(hereMark) ? 'here' : ended,
    ending: came,
    reasons: Array.isArray(reasons) ? reasons.map(text) : [],
    waitedMs: Math.max(0, fromMs - (begun.get(job) ?? number(ts)) / 1000),
  };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
