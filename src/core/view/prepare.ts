/** Before the run: what a worker must be told, see anew and find equal, so that a job's view is proven when it begins. */
import type { LookStep, PrepareStep, WorkerMount } from './contract.ts';
import { type AttemptView, foreign, type JobView, mayNowSearchElsewhere, misleading } from './job-view.ts';
import { type PathEntry, tickMs } from './path-table.ts';
import { overflow, type SubmitterState, walkFor } from './submitter-state.ts';
import type { Walk } from './walk.ts';
import { type ToldEntry, WorkerRecord } from './worker-record.ts';

/** What to do next to offer the job to this worker; after each step call again, until it is `offer` or `inline`. */
export function prepareOffer(
  state: SubmitterState,
  view: JobView,
  workerName: string,
  mount: WorkerMount,
  nowMs: number,
): PrepareStep<AttemptView> {
  const { table, changeClock, rules } = state;
  if (view.generation !== table.generation) return overflow;
  const { look, present, unprovable } = walkBefore(state, view);
  if (look !== undefined) return look;
  const because = unprovable ?? misleading(view.left) ?? foreign(view.files);
  if (because !== undefined) return { kind: 'inline', because };
  const worker = workerOf(state, workerName);
  const inputs = new Set(view.inputs.map((entry) => entry.real));
  const statFiles = new Set([...view.statFiles].map((entry) => entry.real));
  const told: ToldEntry[] = [];
  const proven = new Set<PathEntry>();
  const bump: string[] = [];
  let untilMs = Infinity;
  for (const entry of present) {
    const isDirectory = entry.fact?.kind === 'directory';
    const isInput = !isDirectory && inputs.has(entry);
    if (!isDirectory && !isInput && !statFiles.has(entry)) continue;
    table.watch(entry);
    proven.add(entry);
    let lasting = true;
    if (isDirectory && rules.needsBump(mount)) {
      const moved = changeClock.timesMovedOn(view, mount, entry);
      if (moved === 'never')
        return { kind: 'inline', because: `${entry.path} just changed and cannot be touched by us` };
      if (moved === 'not-yet') {
        const atMs = entry.seenMs + tickMs;
        if (atMs > nowMs) untilMs = Math.min(untilMs, atMs);
        else bump.push(entry.path);
      }
      lasting = moved === 'for-good';
    }
    if (lasting && worker.sequenceOf(entry) >= entry.sequence) continue;
    if (!isInput && changeClock.isQuiet(view, mount, entry)) continue;
    told.push({ entry, sequence: entry.sequence, lasting });
  }
  if (bump.length > 0) return { kind: 'bump', directories: bump };
  if (untilMs < Infinity) return { kind: 'wait', untilMs };
  return {
    kind: 'offer',
    offer: {
      refresh: rules.toRefresh(told),
      files: rules.toCompare(view, told),
      fields: state.fields,
      knownReports: worker.knownReports,
    },
    attempt: {
      worker,
      mount,
      offeredMs: nowMs,
      stamp: ++table.counter,
      told,
      proven,
      ready: false,
    },
  };
}

/** All that the job depends on, as far as this machine has seen it; and what is to be looked at first. */
function walkBefore(state: SubmitterState, view: JobView): Walk {
  const { rules, kinSearches } = state;
  const early = walkFor(state, view, view.expectedFiles, []).look;
  // Once is enough.
  if (early === undefined) view.expectedFiles = [];
  let found = walkFor(state, view, [...view.wanted], view.includeEntries);
  if (found.look === undefined && mayNowSearchElsewhere(view)) {
    // Each job changes these, and few hold headers.
    for (const kinship of rules.kinshipsOf(view.job))
      for (const entry of kinSearches.use(kinship) ?? [])
        if (!view.outputDirectories.has(entry)) view.wanted.add(entry);
    found = walkFor(state, view, [...view.wanted], view.includeEntries);
  }
  const isOver = found.look === undefined && early === undefined;
  return isOver ? found : { ...found, look: both(found.look, early) };
}

/** Two looks as one. */
function both(one: LookStep | undefined, other: LookStep | undefined): LookStep {
  const all = (what: 'paths' | 'links' | 'lists'): string[] => [
    ...new Set([...(one?.[what] ?? []), ...(other?.[what] ?? [])]),
  ];
  return { kind: 'look', paths: all('paths'), links: all('links'), lists: all('lists') };
}

function workerOf({ workers }: SubmitterState, name: string): WorkerRecord {
  const known = workers.get(name);
  if (known !== undefined) return known;
  const worker = new WorkerRecord(name);
  workers.set(name, worker);
  return worker;
}
