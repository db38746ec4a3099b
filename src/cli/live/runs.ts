/** The starts of a job, for views that show them while they happen. Pure. */
import type { Run, RunKind } from '../../web/messages.ts';
import type { Glimpse } from '../../wire/cli-messages.ts';
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
      job: job.job,
      attempt,
      title: output === undefined ? command.slice(0, 80) : output.slice(output.lastIndexOf('/') + 1),
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

function outcomeOf(isHere: boolean, ending: string): Run['outcome'] {
  // The peer does not see how a job ends that its wrapper runs.
  if (isHere) return 'here';
  return /^(?:exited 0|)$/.test(ending) ? 'elsewhere' : 'failed';
}

/** By the name of what it writes, as builds name their files. */
function kindOf(output: string | undefined): RunKind {
  if (output === undefined) return 'other';
  const name = output.slice(output.lastIndexOf('/') + 1);
  if (/\.(?:o|lo|obj|gch|pch|pcm|s|ii?)$/.test(name)) return 'compile';
  if (/\.(?:a|lib)$/.test(name)) return 'archive';
  return /\.so(?:\.|$)/.test(name) || !name.includes('.') || name.endsWith('.out') ? 'link' : 'other';
}
