/** What a job did when, from the steps that the peer remembers of it. Pure. */
import type { ExplainedStep, Explanation } from '../../wire/cli-messages.ts';

type TimedStep = Pick<ExplainedStep, 'atMs' | 'kind' | 'peer' | 'ranMs'>;
/** What is needed to know of a job. */
export interface TimedJob extends Pick<Explanation, 'startedAtMs' | 'endedAtMs'> {
  readonly steps: readonly TimedStep[];
}

/**
 * What a job does in an interval: `queue` waits at its submitter, `wait` in the queue of its worker; `view` while its view,
 * or the tree that it is served, is made ready; `commit` from the end of its command, when its worker gives the slot to
 * the next one, until its outputs were looked at, came home and are in place.
 */
export type Phase = 'read' | 'queue' | 'view' | 'offer' | 'wait' | 'run' | 'commit';

export interface Interval {
  readonly phase: Phase;
  /** ms since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Where it runs: the name of a peer, or `inline`; of `run` only. */
  readonly place?: string;
  /** Of a run: its result was not used. */
  readonly isLost?: boolean;
}

/** The phase that a step begins. */
const begins: Readonly<Record<string, Phase>> = {
  read: 'queue',
  offered: 'view',
  viewed: 'offer',
  accepted: 'wait',
  started: 'run',
  result: 'commit',
  returned: 'queue',
  inline: 'run',
};

/**
 * The intervals of a job, one after the other.
 *
 * @param nowMs - the end of a job that has not ended.
 */
export function timelineOf(job: TimedJob, nowMs: number): Interval[] {
  const intervals: Interval[] = [];
  const endMs = job.endedAtMs ?? nowMs;
  let phase: Phase = 'read';
  let fromMs = job.startedAtMs;
  let place: string | undefined;
  let wasLost = false;
  const close = (toMs: number): void => {
    if (toMs > fromMs || phase === 'run')
      intervals.push({
        phase,
        fromMs,
        toMs: Math.max(fromMs, toMs),
        ...(phase === 'run' && place !== undefined ? { place } : {}),
        ...(phase === 'run' && wasLost ? { isLost: true } : {}),
      });
    fromMs = Math.max(fromMs, toMs);
  };
  for (const [index, step] of job.steps.entries()) {
    const next = begins[step.kind];
    if (next === undefined) continue;
    const atMs = job.startedAtMs + step.atMs;
    // The result comes later than the command has ended.
    close(step.ranMs === undefined ? atMs : Math.min(atMs, fromMs + step.ranMs));
    phase = next;
    if (next === 'run') place = placeOf(step);
    // A run that another attempt follows, here or elsewhere, came to nothing.
    wasLost = next === 'run' && isFollowed(job.steps, index);
  }
  close(endMs);
  return intervals;
}

function placeOf({ kind, peer }: TimedStep): string {
  return kind === 'inline' ? 'inline' : (peer ?? '');
}

/** Whether another offer, or a run here, comes after this step. */
function isFollowed(steps: readonly TimedStep[], index: number): boolean {
  return steps.slice(index + 1).some(({ kind }) => kind === 'offered' || kind === 'inline');
}
