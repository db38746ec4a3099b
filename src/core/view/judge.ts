/** After the run: may the result of an attempt be the job's, by what it is reported to have read and searched? */
import { getOrMake } from '../get-or-make.ts';
import type { ReadReport, ViewVerdict } from './contract.ts';
import { sameFact } from './facts.ts';
import { type AttemptView, foreign, type JobView, misleading, parseItem } from './job-view.ts';
import { type PathEntry, tickMs } from './path-table.ts';
import { learnKinSearch, type SearchRecord } from './search-record.ts';
import { distrust, overflow, type SubmitterState, walkFor } from './submitter-state.ts';
import type { ReadItem } from './worker-record.ts';

/** How an attempt ended, as far as its view is concerned. */
export interface AttemptOutcome {
  readonly succeeded: boolean;
  /** Undefined: nothing tells what was read. */
  readonly report: ReadReport | undefined;
}

/** May the result of this attempt be the job's? After a `look` step call again with the same outcome. */
export function judgeOutcome(
  state: SubmitterState,
  view: JobView,
  attempt: AttemptView,
  outcome: AttemptOutcome,
): ViewVerdict {
  const { rules } = state;
  if (view.generation !== state.table.generation) return overflow;
  if (outcome.report === undefined) return judgeUnreported(state, view, outcome.succeeded);
  if (!attempt.ready) throw new Error('internal: judging an attempt that was never ready');
  const read = attempt.worker.take(outcome.report, (path, fact) => parseItem(state.table, path, fact));
  if (read === undefined)
    return {
      kind: 'again',
      reason: 'stale-view',
      because: 'parts of the report of what was read never came',
    };
  const searched = searchedBy(state, view, read);
  const left = leftBy(read);
  const seeds = [...searched.watched, ...searched.files, ...left];
  const { look, present, unprovable } = walkFor(state, view, seeds, []);
  if (look !== undefined) return look;
  const because = unprovable ?? misleading(left) ?? foreign(searched.files);
  if (because !== undefined) return { kind: 'inline', because };
  state.remembered.set(view.job.key, searched);
  for (const kinship of rules.kinshipsOf(view.job))
    learnKinSearch(
      getOrMake(state.kinSearches, kinship, () => new Set()),
      searched,
    );
  for (const entry of searched.watched) view.wanted.add(entry);
  if (rules.goesByStat(view.job)) {
    for (const entry of searched.files) {
      view.wanted.add(entry);
      view.statFiles.add(entry);
    }
  }
  const stale = read.find((item) => isStale(state, view, attempt, item));
  if (stale !== undefined) {
    distrust(state, stale.path);
    return { kind: 'again', reason: 'stale-view', because: `${stale.path} was not read as it is here` };
  }
  const untilMs = settledAtMs(state, view, read);
  if (untilMs !== undefined) return { kind: 'wait', untilMs };
  const files = rules.goesByStat(view.job) ? new Set(searched.files.map((entry) => entry.real)) : undefined;
  const unproven = present.find(
    (entry) =>
      (entry.fact?.kind === 'directory' || files?.has(entry) === true) &&
      rules.needsProof(entry) &&
      !isProven(state, view, attempt, entry),
  );
  if (unproven !== undefined)
    return {
      kind: 'again',
      reason: 'view-grew',
      because: `${unproven.path} was searched before it was refreshed`,
    };
  return { kind: 'believed' };
}

function judgeUnreported({ rules }: SubmitterState, view: JobView, succeeded: boolean): ViewVerdict {
  if (rules.believesUnreported(view.job, succeeded)) return { kind: 'believed' };
  const because = succeeded ? 'nothing tells what it read' : 'it failed, and nothing tells what it saw';
  return { kind: 'inline', because };
}

/** Directories that `..` leaves in paths of a report. */
function leftBy(read: readonly ReadItem[]): Set<PathEntry> {
  const found = new Set<PathEntry>();
  for (let at = 0; at < read.length; at += 1) {
    const { left } = read[at] as ReadItem;
    if (left.length > 0) for (const directory of left) found.add(directory);
  }
  return found;
}

/** What a report says was searched; the very lists of the last run if it was the same. */
function searchedBy(
  { remembered, table }: SubmitterState,
  view: JobView,
  read: readonly ReadItem[],
): SearchRecord {
  const known = remembered.use(view.job.key);
  const learntAt = table.counter;
  if (known !== undefined && isReported(read, known.reported)) return { ...known, learntAt };
  const reported: PathEntry[] = [];
  const files: PathEntry[] = [];
  const watched = new Set<PathEntry>();
  for (const { entry, fact, left } of read) {
    if (entry === undefined) continue;
    reported.push(entry);
    if (fact.kind === 'directory') watched.add(entry);
    else {
      files.push(entry);
      if (entry.parent !== undefined) watched.add(entry.parent);
    }
    for (const directory of left) watched.add(directory);
  }
  return { reported, watched: [...watched], files, learntAt };
}

/** Whether these are the entries of a report, in order. */
function isReported(read: readonly ReadItem[], reported: readonly PathEntry[]): boolean {
  let next = 0;
  for (let at = 0; at < read.length; at += 1) {
    const { entry } = read[at] as ReadItem;
    if (entry === undefined) continue;
    if (entry !== reported[next]) return false;
    next += 1;
  }
  return next === reported.length;
}

function isStale(
  { rules, changeClock, fields }: SubmitterState,
  view: JobView,
  attempt: AttemptView,
  item: ReadItem,
): boolean {
  if (item.entry === undefined || item.fact.kind === 'directory' || !rules.isCompared(item)) return false;
  // Gone with its directory, it has no fact of its own.
  if (item.entry.gone) return true;
  const { real } = item.entry;
  if (real?.fact === undefined) return false;
  if (!sameFact(real.fact, item.fact, fields)) return true;
  // First seen like this after the command started, and by the server's clock it may be younger than the job: what
  // was read then may have been written back only since (by a program here that holds it open).
  return (
    real.sinceMs > attempt.offeredMs &&
    rules.mayBeYounger(changeClock.isOlder(real.changedMs, attempt.offeredMs))
  );
}

/** What was only seen in the tick of a change may have changed once more in it, and be written back since: look again after it. */
function settledAtMs(
  { rules, changeClock }: SubmitterState,
  view: JobView,
  read: readonly ReadItem[],
): number | undefined {
  let untilMs: number | undefined;
  for (const { entry, fact } of read) {
    const real = entry?.real;
    if (real === undefined || real.settled || fact.kind === 'directory') continue;
    if (!rules.mayBeYounger(changeClock.isOlder(real.changedMs, view.handedInMs))) continue;
    untilMs = Math.max(untilMs ?? 0, real.seenMs + tickMs);
    real.lookedMs = -Infinity;
  }
  return untilMs;
}

function isProven(
  { rules, changeClock }: SubmitterState,
  view: JobView,
  attempt: AttemptView,
  entry: PathEntry,
): boolean {
  if (attempt.proven.has(entry)) return true;
  const confirmed = attempt.worker.sequenceOf(entry) >= entry.sequence;
  if (confirmed && rules.heldThroughout(attempt.worker.stampOf(entry), attempt.stamp)) return true;
  return changeClock.isQuiet(view, attempt.mount, entry);
}
