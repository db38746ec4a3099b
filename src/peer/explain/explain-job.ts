/** Tells of a remembered job, for people: where it is or how it ended, and what was decided at each step. */
import { cures } from '../../core/cure.ts';
import { type Reason, reasons } from '../../core/reason.ts';
import type { DispatcherState } from '../../core/schedule/dispatcher.ts';
import type { Build, ExplainedStep, Explanation } from '../../wire/cli-messages.ts';
import type { BuildTally, ReasonTally } from './build-tally.ts';
import type { JobRecord, Step } from './ledger.ts';
import { whereabouts } from './whereabouts.ts';

export interface Telling {
  readonly dispatcher: DispatcherState;
  readonly nameOf: (peer: string) => string;
  /** What must be added to a time of the peer's clock to get ms since 1970. */
  readonly originMs: number;
}

export function explainJob(record: JobRecord, { dispatcher, nameOf, originMs }: Telling): Explanation {
  const { job, command, cwd, place, ending, steps, startedAtMs, endedAtMs, outputs } = record;
  return {
    job,
    command,
    cwd,
    place: place === undefined || place === '' ? '' : nameOf(place),
    ending: ending ?? '',
    ...(place === undefined ? { whereabouts: whereabouts(dispatcher, job, nameOf) } : {}),
    reasons: steps.flatMap(({ kind, reason, peer }) =>
      reason === undefined || kind === 'read'
        ? []
        : [{ reason, meaning: reasons[reason], peer: peer === undefined ? '' : nameOf(peer) }],
    ),
    details: steps.flatMap(({ detail, kind }) => (detail === undefined || kind === 'result' ? [] : [detail])),
    startedAtMs: Math.round(startedAtMs + originMs),
    ...(endedAtMs === undefined ? {} : { endedAtMs: Math.round(endedAtMs + originMs) }),
    outputs: outputs === '' ? [] : outputs.split('\n'),
    steps: steps.map((step) => explainStep(step, startedAtMs, nameOf)),
  };
}

function explainStep(step: Step, startedAtMs: number, nameOf: (peer: string) => string): ExplainedStep {
  const { atMs, kind, reason, peer, detail, considered, ranMs } = step;
  return {
    atMs: Math.round((atMs - startedAtMs) * 10) / 10,
    kind,
    text: sentence(step, peer === undefined ? '' : nameOf(peer)),
    ...(reason === undefined ? {} : { reason }),
    ...(peer === undefined ? {} : { peer: nameOf(peer) }),
    ...(detail === undefined ? {} : { detail }),
    ...(ranMs === undefined ? {} : { ranMs }),
    ...(considered === undefined
      ? {}
      : {
          considered: considered.map((one) => ({
            peer: nameOf(one.peer),
            wait: one.waitMilli / 1000,
            ...(one.because === undefined ? {} : { because: one.because }),
          })),
        }),
  };
}

function sentence(
  { kind, reason, detail, counts: [files, directories] = [0, 0], served }: Step,
  peer: string,
): string {
  const because = reason === undefined ? '' : `${reason}: ${reasons[reason]}`;
  const cure = reason === undefined || cures[reason] === undefined ? '' : `; cure: ${cures[reason]}`;
  const more = detail === undefined ? '' : ` (${detail})`;
  switch (kind) {
    case 'read':
      return reason === undefined
        ? 'read: it may travel, and waits for a slot'
        : `read: it stays here; ${because}${more}${cure}`;
    case 'offered':
      return `goes to ${peer}`;
    case 'viewed':
      if (served) return `offered to ${peer}, which is shown the files of this machine`;
      return files + directories === 0
        ? `offered to ${peer}`
        : `offered to ${peer}: ${files} files must be equal there, ${directories} directories are seen anew`;
    case 'accepted':
      return `${peer} accepts it`;
    case 'started':
      return `${peer} runs it`;
    case 'returned':
      return `${peer} gives it back, not begun`;
    case 'result':
      return `ended on ${peer}: ${detail ?? ''}`;
    case 'committed':
      return 'what it read is what is here, and its outputs are in place';
    case 'noted':
      return `${because}${peer === '' ? '' : ` (${peer})`}${cure}`;
    case 'told':
      return detail ?? '';
    case 'inline':
      return `runs here; ${because}${cure}`;
    default:
      return kind satisfies never;
  }
}

export function describeBuild(build: BuildTally, originMs: number): Build {
  const { startedAtMs, firstJob, jobs, elsewhere, unfinished } = build;
  return {
    firstJob,
    ...(startedAtMs === undefined ? {} : { startedAtMs: Math.round(startedAtMs + originMs) }),
    jobs,
    elsewhere,
    unfinished,
    here: build.ranHere().map(describeTally),
    noted: build.noted().map(describeTally),
  };
}

function describeTally({ reason, count, job }: ReasonTally): Build['here'][number] {
  const cure: string | undefined = cures[reason satisfies Reason];
  return { reason, count, job, meaning: reasons[reason], ...(cure === undefined ? {} : { cure }) };
}
