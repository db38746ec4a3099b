/** The starts of a job, for views that show them while they happen. Pure. */
import { shownName } from '../../core/share-layout.ts';
import type { Run } from '../../web/messages.ts';
import { kindOf } from '../../web/run-kind.ts';
import type { Glimpse, HostedGlimpse } from '../../wire/cli-messages.ts';
import { timelineOf } from '../trace/timeline.ts';

/** @param self - id of this peer. @param nowMs - ms since 1970. */
export function runsOf(job: Glimpse, self: string, nowMs: number): Run[] {
  const { startedAtMs, endedAtMs, command, cwd, output, ending = '', steps } = job;
  const runs = timelineOf(job, nowMs).filter(({ phase }) => phase === 'run');
  const reasons = [...new Set(steps.flatMap(({ reason }) => reason ?? []))];
  return runs.map(({ fromMs, toMs, place = '', isLost = false }, attempt) => {
    // The last start of a job lasts until its result is there.
    const isRunning = endedAtMs === undefined && !isLost && attempt === runs.length - 1 && toMs >= nowMs;
    const isHere = place === 'inline';
    return {
      key: `${job.job}.${attempt}`,
      job: job.job,
      submitter: self,
      title: titleOf(output, command),
      cwd,
      command,
      kind: kindOf(output),
      peer: isHere ? self : place,
      fromMs,
      ...(isRunning ? {} : { toMs }),
      outcome: isRunning ? 'running' : isLost ? 'lost' : outcomeOf(isHere, ending),
      ending,
      reasons,
      waitedMs: Math.max(0, fromMs - startedAtMs),
    };
  });
}

/** A job of another machine that ran here. */
export function hostedRunOf(hosted: HostedGlimpse, self: string): Run {
  const { number, submitter, command, cwd, output, fromMs, toMs, ending = '' } = hosted;
  const ended = ending === '' ? 'lost' : outcomeOf(false, ending) === 'failed' ? 'failed' : 'here';
  return {
    key: `hosted ${number}`,
    submitter,
    title: titleOf(output, command),
    cwd,
    command,
    kind: kindOf(output),
    peer: self,
    fromMs,
    ...(toMs === undefined ? {} : { toMs }),
    outcome: toMs === undefined ? 'running' : ended,
    ending,
    reasons: [],
    waitedMs: 0,
  };
}

/**
 * The ends of those that ran at the last look and of which this one says nothing: the peer remembers only so many ends,
 * and none of the time in which nobody looks.
 *
 * @param nowMs - ms since 1970, since when they are known to have ended.
 */
export function untoldEnds(before: readonly Run[], now: readonly Run[], nowMs: number): Run[] {
  const told = new Set(now.map(({ key }) => key));
  return before.filter(({ key }) => !told.has(key)).map((run) => ({ ...run, toMs: nowMs, outcome: 'here' }));
}

function titleOf(output: string | undefined, command: string): string {
  return output === undefined ? command.slice(0, 80) : shownName(output);
}

function outcomeOf(isHere: boolean, ending: string): Run['outcome'] {
  // The peer does not see how a job ends that its wrapper runs.
  if (isHere) return 'here';
  return /^(?:exited 0|)$/.test(ending) ? 'elsewhere' : 'failed';
}
