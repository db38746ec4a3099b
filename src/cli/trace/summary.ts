/** What a build took, where its time went, and what would have been ideal. Pure. */
import type { Explanation } from '../../wire/cli-messages.ts';
import { titleOf } from './chrome.ts';
import { type Phase, timelineOf } from './timeline.ts';

export interface Summary {
  readonly jobs: number;
  readonly here: number;
  readonly wallMs: number;
  /** All runs that counted, together. */
  readonly runMs: number;
  /** Runs that did not count. */
  readonly lostMs: number;
  /** Of all jobs together, by phase. */
  readonly phaseMs: Readonly<Record<Phase, number>>;
  /** From when fewer jobs ran than half of the slots until the end. */
  readonly stragglingMs: number;
  readonly longest: readonly { readonly title: string; readonly place: string; readonly ms: number }[];
}

const listed = 10;

/** @param slots - that the swarm has. @param nowMs - ms since 1970. */
export function summarize(jobs: readonly Explanation[], slots: number, nowMs: number): Summary {
  const phaseMs: Record<Phase, number> = { read: 0, queue: 0, view: 0, offer: 0, wait: 0, run: 0, commit: 0 };
  const ends: number[] = [];
  const runs: { title: string; place: string; ms: number }[] = [];
  let lostMs = 0;
  for (const job of jobs)
    for (const { phase, fromMs, toMs, place, isLost } of timelineOf(job, nowMs)) {
      const ms = toMs - fromMs;
      if (isLost) lostMs += ms;
      else phaseMs[phase] += ms;
      if (phase !== 'run' || isLost) continue;
      runs.push({ title: titleOf(job), place: place === 'inline' ? 'here' : (place ?? ''), ms });
      ends.push(toMs);
    }
  const startMs = Math.min(...jobs.map(({ startedAtMs }) => startedAtMs));
  const endMs = Math.max(...jobs.map(({ endedAtMs }) => endedAtMs ?? nowMs));
  ends.sort((a, b) => b - a);
  const half = ends[Math.floor(slots / 2)];
  return {
    jobs: jobs.length,
    here: jobs.filter(({ place }) => place === 'inline').length,
    wallMs: jobs.length === 0 ? 0 : endMs - startMs,
    runMs: phaseMs.run,
    lostMs,
    phaseMs,
    stragglingMs: half === undefined || jobs.length === 0 ? 0 : Math.max(0, endMs - half),
    longest: runs.toSorted((a, b) => b.ms - a.ms).slice(0, listed),
  };
}

/** @param advised - `-j` that the swarm takes. */
export function renderSummary(summary: Summary, slots: number, advised: number): string {
  const { jobs, here, wallMs, runMs, lostMs, phaseMs, stragglingMs, longest } = summary;
  if (jobs === 0) return 'No job ran on the swarm.';
  const idealMs = Math.max(runMs / Math.max(1, slots), longest[0]?.ms ?? 0);
  const each = (ms: number): string => seconds(ms / jobs);
  return [
    `${jobs} job${jobs === 1 ? '' : 's'} in ${seconds(wallMs)}, ${here} of them here; ${(runMs / Math.max(1, wallMs)).toFixed(1)} ran at once, of ${slots} slots; advised: -j${advised}`,
    `ideal with these slots: ${seconds(idealMs)} (no shorter than the longest job)`,
    `a job, on average: ${each(phaseMs.read)} read, ${each(phaseMs.queue)} queued here, ${each(phaseMs.view)} made ready (view or tree), ${each(phaseMs.offer)} offered, ${each(phaseMs.wait)} queued there, ${each(runMs)} run, ${each(phaseMs.commit)} committed`,
    `lost: ${seconds(lostMs)} of runs that did not count; ${seconds(stragglingMs)} at the end with fewer jobs than half of the slots`,
    'longest:',
    ...longest.map(({ title, place, ms }) => `${seconds(ms).padStart(10)}  ${title} (${place})`),
  ].join('\n');
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(3)} s` : `${(ms / 1000).toFixed(1)} s`;
}
