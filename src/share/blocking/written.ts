/**
 * All that is done with a job's files in one go: they are put under hidden names, and, if that is asked for, get their real
 * ones. Synchronous: runs in a disk thread.
 */
import { lstatSync } from 'node:fs';
import { type ByteString, toBytes } from '../../wire/bytes.ts';
import type { CommitResult, WrittenDone, WrittenWork } from '../written-work.ts';
import { errorCode, meansAbsent } from './look.ts';
import { RealDirectory } from './real-directory.ts';
import { WrittenCommit } from './written-commit.ts';
import { Staging } from './written-stage.ts';

/** After a failure nothing is left under hidden names. Never throws. */
export function putWritten(work: WrittenWork): WrittenDone {
  return RealDirectory.keeping(() => put(work));
}

function put(work: WrittenWork): WrittenDone {
  const staging = new Staging(work.areas, work.names, work.staged);
  const timesBefore = new Map(work.timesBefore);
  const halt = new Int32Array(work.halt);
  let failure: WrittenDone['failure'];
  const at = <Result>(path: ByteString, act: () => Result): Result => {
    try {
      if (Atomics.load(halt, 0) !== 0) throw new Error('ETIMEDOUT: it took too long');
      return act();
    } catch (error) {
      failure ??= { path, why: wordsOf(error) };
      throw error;
    }
  };
  let result: CommitResult | undefined;
  try {
    for (const path of work.note) at(path, () => noteTime(path, timesBefore));
    for (const step of work.steps) at(step.path, () => staging.do(step));
    if (work.commit !== undefined)
      result = new WrittenCommit({ order: work.commit, staging, timesBefore, at }).run();
  } catch (error) {
    if (failure === undefined) throw error;
  }
  if (failure !== undefined || result !== undefined) staging.drop();
  return { staged: staging.staged, timesBefore, noted: staging.noted, failure, result };
}

function noteTime(path: ByteString, times: Map<ByteString, bigint>): void {
  try {
    const stats = lstatSync(toBytes(path), { bigint: true });
    if (stats.isDirectory()) times.set(path, stats.mtimeNs);
  } catch (error) {
    if (!meansAbsent(error)) throw error;
  }
}

/** Node names the hidden file after the comma, and has no name for some errors of network file systems. */
function wordsOf(error: unknown): string {
  const [why = ''] = (error as Error).message.split(',');
  return why.replace(/Unknown system error -\d+/g, errorCode(error));
}
