/**
 * Settles an attempt that ran in this machine's own files: could it have them all, did nobody change what it may have read,
 * and what it wrote? Then that appears here, all at once.
 */
import { variablesOf } from '../../../core/command/environment.ts';
import { classifyFailure } from '../../../core/command/failure.ts';
import { SwarmError } from '../../../core/swarm-error.ts';
import type { CommitResult } from '../../../share/written-work.ts';
import type { WrittenFiles } from '../../../tree/receive-written.ts';
import { type ByteString, toText } from '../../../wire/bytes.ts';
import type { JobEnd } from '../../../wire/job-messages.ts';
import type { AttemptRecord, ServedAttempt } from '../attempt-record.ts';
import { lastLineOf } from '../failing.ts';
import type { JobWrites } from '../job-writes.ts';
import { isSuccess } from '../outputs.ts';
import type { Settlement } from '../settlement.ts';

const faultWords = {
  fetch: 'could not be had',
  refused: 'is not shown to workers',
  write: 'was to be written in a way that a worker cannot bring home',
  stale: 'changed while it was read',
} as const;

/** @throws SwarmError, errors of the file system: the attempt is worthless then. */
export async function settleServed(
  record: AttemptRecord,
  served: ServedAttempt,
  end: JobEnd,
  writes: JobWrites,
): Promise<Settlement> {
  const { submission } = record;
  const [fault] = end.faults ?? [];
  if (fault !== undefined) return ofFault(fault);
  if (end.left > 0)
    return {
      kind: 'inline',
      detail: `it left ${end.left} processes or names in /dev/shm, which on another machine end with it`,
    };
  const failure = judgeServedFailure(record, end);
  if (failure !== undefined) return failure;
  const { tree, session, generation, preparedMs, written } = served;
  if (!written.isWhole)
    return { kind: 'again', reason: 'output-unseen', detail: 'what it wrote did not come' };
  const folded = submission.reading.kind === 'other' ? tree.folded(written.paths) : undefined;
  if (folded !== undefined)
    return {
      kind: 'inline',
      reason: 'tree-fault',
      detail: `${toText(folded)} finds names by other letters, too, which a worker does not in what a command writes`,
    };
  await tree.barrier();
  const isOwn = (path: string): boolean => writes.isOfOthers(submission.id, path, preparedMs);
  const reads = tree.judge({ session, generation, isOwn });
  if (reads.kind !== 'kept') {
    const detail = reads.kind === 'changed' ? `${toText(reads.path) || '/'} changed while it ran` : reads.why;
    return { kind: 'again', reason: 'stale-view', detail };
  }
  const rewritten = tree.rewritten(generation, written.replaced);
  if (rewritten !== undefined)
    return {
      kind: 'inline',
      reason: 'conflict',
      detail: `${toText(rewritten)} changed here while the command ran elsewhere`,
    };
  // Nobody wants it any more: nothing of it may appear.
  if (record.state === 'abandoned') return { kind: 'again', reason: 'lost-peer', detail: 'it was given up' };
  return await commitWritten(written, (path) => tree.leadsElsewhere(generation, path));
}

/** What cannot be written here, as on a full disk, is not the worker's fault, and none of the others can help. */
async function commitWritten(
  written: WrittenFiles,
  isElsewhere: (path: ByteString) => boolean,
): Promise<Settlement> {
  let result: CommitResult;
  try {
    result = await written.commit(isElsewhere);
  } catch (error) {
    if (!(error instanceof SwarmError)) throw error;
    return { kind: 'inline', reason: 'unwritable', detail: error.message };
  }
  if ('conflict' in result)
    return {
      kind: 'inline',
      reason: 'conflict',
      detail: `${toText(result.conflict)} ${result.why}`,
    };
  return { kind: 'final', proven: true };
}

function ofFault({
  kind,
  path,
}: {
  readonly kind: keyof typeof faultWords;
  readonly path: string;
}): Settlement {
  const detail = `${toText(path) || '/'} ${faultWords[kind]}`;
  // What failed on the way may go well elsewhere; what is refused is refused to all.
  return kind === 'fetch' || kind === 'stale'
    ? { kind: 'again', reason: 'stale-view', detail }
    : { kind: 'inline', reason: 'tree-fault', detail };
}

/**
 * A failure of what is understood is believed, as it read what is here. Of an opaque command nobody knows whether it
 * failed for want of something that is no file: it runs again here, where it has changed nothing yet.
 *
 * @returns undefined if it is believed.
 */
function judgeServedFailure({ submission }: AttemptRecord, end: JobEnd): Settlement | undefined {
  if (isSuccess(end)) return undefined;
  // The caller asked for the end, or has seen how it went: another run would not be the first one.
  if (submission.signalled || !submission.replayable) return undefined;
  const text = submission.heldText;
  // Tests die of signals and speak of memory as they like: that says nothing of the worker.
  if (submission.reading.kind === 'other') return { kind: 'final', proven: false, detail: lastLineOf(text) };
  const env = variablesOf(submission.request.environment);
  const kind = classifyFailure({ ending: end.ending, text, env });
  if (kind === 'memory') return { kind: 'again', reason: 'oom-killed', detail: lastLineOf(text) };
  if (kind === 'space') return { kind: 'again', reason: 'no-space-remote', detail: lastLineOf(text) };
  if (kind === 'ordinary') return undefined;
  return { kind: 'final', proven: false, detail: lastLineOf(text) };
}
