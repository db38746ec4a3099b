/** Puts together what live views show: the swarm, the newest build, and the jobs that they have not seen the end of. */

import { toText } from '../../wire/bytes.ts';
import type { Glimpse, HostedGlimpse, Live } from '../../wire/cli-messages.ts';
import type { HostedLog, HostedRun } from '../serve/hosted-log.ts';
import { describeEnding } from './ending.ts';
import { describeBuild, type Telling } from './explain-job.ts';
import type { JobRecord, Ledger, Step, StepKind } from './ledger.ts';

/** Of each kind, ended or not; more come with the next request. */
const mostJobs = 1_000;
const longestCommand = 240;

/** @param asked - how many jobs, of this machine and of others, had ended when the caller asked the last time. */
export function describeLive(
  { status, hosted }: Pick<Live, 'status' | 'hosted'>,
  ledger: Ledger,
  hostedLog: HostedLog,
  { nameOf, originMs }: Telling,
  { after, hostedAfter = 0 }: { readonly after: number; readonly hostedAfter?: number | undefined },
): Live {
  const ended = ledger.endedAfter(after, mostJobs);
  const upTo = ended.at(-1)?.endNumber ?? ledger.ended;
  const hostedNow = hostedLog.look(hostedAfter);
  return {
    startedAtMs: Math.round(originMs),
    status,
    build: describeBuild(ledger.build, originMs),
    hosted: hosted.map(({ submitter, jobs }) => ({ submitter: nameOf(submitter), jobs })),
    hostedRuns: hostedNow.runs.map((run) => hostedGlimpse(run, originMs)),
    hostedEnded: hostedNow.endedCount,
    jobs: [...ledger.unended(mostJobs), ...ended].map((record) => glimpseOf(record, originMs)),
    ended: upTo,
    isMore: upTo < ledger.ended,
  };
}

/** By which runs begin and end, or which say why. */
const shownKinds: ReadonlySet<StepKind> = new Set(['offered', 'started', 'returned', 'result', 'inline']);

function isShown({ kind, reason }: Step): boolean {
  return reason !== undefined || shownKinds.has(kind);
}

function glimpseOf(record: JobRecord, originMs: number): Glimpse {
  const { job, command, cwd, outputs, place, ending, startedAtMs, endedAtMs, steps } = record;
  const [output = ''] = outputs.split('\n', 1);
  return {
    job,
    command: command.slice(0, longestCommand),
    cwd,
    ...(output === '' ? {} : { output }),
    ...(place === undefined ? {} : { place }),
    ...(ending === undefined ? {} : { ending }),
    startedAtMs: Math.round(startedAtMs + originMs),
    ...(endedAtMs === undefined ? {} : { endedAtMs: Math.round(endedAtMs + originMs) }),
    steps: steps.filter(isShown).map(({ atMs, kind, reason, peer, ranMs }) => ({
      atMs: Math.round((atMs - startedAtMs) * 10) / 10,
      kind,
      ...(reason === undefined ? {} : { reason }),
      ...(peer === undefined ? {} : { peer }),
      ...(ranMs === undefined ? {} : { ranMs }),
    })),
  };
}

function hostedGlimpse(run: HostedRun, originMs: number): HostedGlimpse {
  const { number, submitter, command, cwd, output, fromMs, toMs, ending } = run;
  return {
    number,
    submitter,
    command: toText(command.replaceAll('\0', ' ').trim()),
    cwd: toText(cwd),
    ...(output === undefined ? {} : { output: toText(output) }),
    fromMs: Math.round(fromMs + originMs),
    ...(toMs === undefined ? {} : { toMs: Math.round(toMs + originMs) }),
    ...(ending === undefined ? {} : { ending: describeEnding(ending) }),
  };
}
