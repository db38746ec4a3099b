/**
 * Puts outputs in their places by swarmlook, as far as a rename is all that it takes; a thread (./blocking/output.ts) does the rest, and
 * says what is in the way.
 */
import { factBytes } from '../core/fact.ts';
import type { FactField } from '../core/view/contract.ts';
import type { CommitRequest } from './commit-work.ts';
import { putRecord, wrongLength } from './look-answer.ts';
import type { OutputRole } from './obstacles.ts';

const mark = 0xff_ff_ff_fd;
const headBytes = 20;
/** As src/native/swarmlook/commit.h has them. */
const fieldBits: Readonly<Record<FactField, number>> = { inode: 1, size: 2, mtime: 4, ctime: 8 };
const roleNumbers: Readonly<Record<OutputRole, number>> = {
  object: 1,
  executable: 1,
  archive: 2,
  assembly: 0,
  dependencies: 0,
  other: 0,
};

/** @returns undefined where files are expected to be changed once more, or what is expected is no file. */
export function packCommit({ outputs, expected, unwanted }: CommitRequest): Buffer | undefined {
  if (expected.orNewer === true || expected.facts.some(({ kind }) => kind !== 'file')) return undefined;
  const parts: Buffer[] = [Buffer.alloc(headBytes)];
  for (const [at, { hidden, path, role }] of outputs.entries()) {
    const fact = expected.facts[at];
    if (fact === undefined || expected.paths[at] !== hidden) return undefined;
    const head = Buffer.alloc(1 + factBytes);
    putRecord(head, 0, fact);
    head.copyWithin(1, 0, factBytes);
    head.writeUInt8(roleNumbers[role], 0);
    parts.push(head, Buffer.from(`${hidden}\0${path}\0`, 'latin1'));
  }
  parts.push(Buffer.from(unwanted.map((path) => `${path}\0`).join(''), 'latin1'));
  const request = Buffer.concat(parts);
  request.writeUInt32LE(request.length - 4, 0);
  request.writeUInt32LE(mark, 4);
  request.writeUInt32LE(
    expected.fields.reduce((bits, field) => bits | fieldBits[field], 0),
    8,
  );
  request.writeUInt32LE(outputs.length, 12);
  request.writeUInt32LE(unwanted.length, 16);
  return request;
}

/** @throws Error if it is not swarmlook's answer to {@link packCommit}. */
export function parseCommit(answer: Buffer): { readonly renamed: number; readonly isDone: boolean } {
  if (answer.length !== 5) throw wrongLength();
  return { renamed: answer.readUInt32LE(0), isDone: answer.readUInt8(4) === 1 };
}

/** What is left of a request whose first outputs are in their places. */
export function restOf({ outputs, expected, unwanted }: CommitRequest, renamed: number): CommitRequest {
  const { paths, facts } = expected;
  return {
    outputs: outputs.slice(renamed),
    expected: { ...expected, paths: paths.slice(renamed), facts: facts.slice(renamed) },
    unwanted,
  };
}
