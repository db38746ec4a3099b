/** What becomes of a command that failed on a worker, by how it ended, before it is asked whether what it read was right. */

import { variablesOf } from '../../core/command/environment.ts';
import { classifyFailure, effectOfFailure } from '../../core/command/failure.ts';
import { baseName } from '../../core/paths.ts';
import type { AttemptView } from '../../core/view/job-view.ts';
import { toText } from '../../wire/bytes.ts';
import type { JobEnd } from '../../wire/job-messages.ts';
import type { AttemptRecord, OfferedAttempt } from './attempt-record.ts';
import type { JobWrites } from './job-writes.ts';
import { hiddenOf } from './outputs.ts';
import type { Settlement } from './settlement.ts';
import type { Submission } from './submission.ts';

/** Files that build tools write while their commands run. */
const journals: ReadonlySet<string> = new Set(['.ninja_log', '.ninja_deps', '.ninja_lock']);

export type FailureVerdict =
  /** It is an ordinary error if its reads are proven. */
  | { readonly kind: 'judge' }
  /** It is one whatever it read, for this reason. */
  | { readonly kind: 'believed'; readonly detail: string }
  | Settlement;

export function judgeFailure(
  { submission }: AttemptRecord,
  { plan, view }: OfferedAttempt,
  end: JobEnd,
  writes: JobWrites,
): FailureVerdict {
  // The caller asked for the end.
  if (submission.signalled) return unproven();
  if (submission.reading.kind === 'other') {
    const effect = effectOf(submission, view, end, writes);
    if (effect !== undefined) return { kind: 'believed', detail: `it failed and ${effect}` };
    return unproven(`it failed within ${end.wallMs} ms and is not seen to have changed anything`);
  }
  const text = submission.heldText;
  const env = variablesOf(submission.request.environment);
  const kind = classifyFailure({ ending: end.ending, text, env });
  const ofShare = namesHidden(text, hiddenOf(plan));
  if (kind === 'memory') return { kind: 'again', reason: 'oom-killed', detail: lastLineOf(text) };
  if (kind === 'space' && !ofShare)
    return { kind: 'again', reason: 'no-space-remote', detail: lastLineOf(text) };
  if (kind !== 'ordinary' || ofShare) return unproven(lastLineOf(text));
  return { kind: 'judge' };
}

/** It is the end, however it ended: its caller saw how it went, or asked for that, or something of it goes on. */
export function hadEffect({ submission }: AttemptRecord, { left }: JobEnd): boolean {
  return submission.signalled || !submission.replayable || left > 0;
}

/** What an opaque command is seen to have done, as a phrase; undefined: nothing, so it may be run again. */
export function effectOf(
  { id }: Submission,
  { offeredMs }: AttemptView,
  end: JobEnd,
  writes: JobWrites,
): string | undefined {
  const changed = end.outputs.find(
    ({ path, fact }) =>
      fact.kind !== 'absent' && !journals.has(baseName(path)) && !writes.isOfOthers(id, path, offeredMs),
  );
  const unseen = end.unscanned === undefined ? undefined : `what was not looked at: ${end.unscanned}`;
  return effectOfFailure({ ...end, changed: changed === undefined ? unseen : toText(changed.path) });
}

/** True if what was printed names a file that only this attempt has: no run here would have said so. */
export function namesHidden(text: string, hidden: readonly string[]): boolean {
  return hidden.some((path) => text.includes(baseName(path)));
}

function unproven(detail?: string): Settlement {
  return detail === undefined ? { kind: 'final', proven: false } : { kind: 'final', proven: false, detail };
}

/** What of its output tells most, for people. */
export function lastLineOf(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const line = lines.findLast((each) => /error|signal|memory|space/i.test(each)) ?? lines.at(-1);
  return toText(line ?? 'it said nothing');
}
