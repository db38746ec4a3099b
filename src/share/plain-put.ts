/**
 * Puts what a served job wrote in its place by swarmlook, where that is nothing but files in directories that are there: nearly all that
 * compilers write. A thread (./blocking/written.ts) does the rest, and says what is in the way.
 */
import { getSystemErrorMap } from 'node:util';
import { isBelow, parentOf } from '../core/paths.ts';
import { toBytes } from '../wire/bytes.ts';
import { wrongLength } from './look-answer.ts';
import {
  fileModeBits,
  type Staged,
  type StageStep,
  type WrittenDone,
  type WrittenEntry,
  type WrittenWork,
} from './written-work.ts';

type FileStep = StageStep & { readonly kind: 'file' };

/** A file that comes in one go. */
interface WholeFile {
  readonly step: FileStep;
  readonly end: NonNullable<FileStep['end']>;
  readonly entry: WrittenEntry;
}

const mark = 0xff_ff_ff_fc;
const headBytes = 24;

/** @returns undefined where there is more to it. */
export function packPut(work: WrittenWork): Buffer | undefined {
  const { commit, note } = work;
  const files = wholeFilesOf(work);
  if (commit === undefined || files === undefined) return undefined;
  if (commit.directories.some(({ path, inPlace }) => !inPlace || !note.includes(path))) return undefined;
  const times = [...commit.directories.map(({ time }) => time), ...files.map(({ end }) => end.time)];
  // Of another century, as a 64 bit number of nanoseconds cannot tell.
  if (times.some(({ timeNs }) => timeNs !== BigInt.asIntN(64, timeNs))) return undefined;
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(mark, 4);
  head.writeBigInt64LE(BigInt(commit.startedAtMs) * 1_000_000n, 8);
  head.writeUInt32LE(commit.directories.length, 16);
  head.writeUInt32LE(files.length, 20);
  const parts: Uint8Array[] = [head];
  for (const { path, mode, time } of commit.directories)
    parts.push(toBytes(`${path}\0`), attributes(mode, time.timeNs, time.isChosen));
  for (const { step, end, entry } of files) {
    const bytes = step.pieces.reduce((sum, piece) => sum + piece.length, 0);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes);
    const names = toBytes(`${step.path}\0${work.names.prefix}${step.record}\0`);
    parts.push(
      names,
      attributes(end.mode & fileModeBits, end.time.timeNs, entry.inPlace),
      length,
      ...step.pieces,
    );
  }
  const request = Buffer.concat(parts);
  request.writeUInt32LE(request.length - 4, 0);
  return request;
}

/** What it may have left under hidden names, where nobody tells what became of it. */
export function stagedBy({ steps, names }: WrittenWork): Staged[] {
  return steps.map(({ record, path }) => ({
    record,
    directory: parentOf(path),
    name: `${names.prefix}${record}`,
  }));
}

/** @returns undefined where it is for a thread. @throws Error if it is not swarmlook's answer to {@link packPut}. */
export function parsePut(answer: Buffer): WrittenDone | undefined {
  if (answer.length < 6 || answer.at(-1) !== 0) throw wrongLength();
  const nothingLeft = { staged: [], timesBefore: new Map(), noted: [] };
  if (answer.readUInt8(0) === 1) return { ...nothingLeft, failure: undefined, result: { committed: true } };
  const errno = answer.readInt32LE(1);
  if (errno === 0) return undefined;
  const [name, words] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, 'it failed'];
  const path = answer.toString('latin1', 5, answer.length - 1);
  return { ...nothingLeft, failure: { path, why: `${name}: ${words}` }, result: undefined };
}

/** @returns undefined where some of them are no such files, or not all of their directories are in the journal. */
function wholeFilesOf({
  areas,
  names,
  staged,
  timesBefore,
  steps,
  commit,
}: WrittenWork): WholeFile[] | undefined {
  const isMore =
    commit === undefined ||
    staged.length + timesBefore.size + commit.removals.length + commit.emptied.size > 0;
  if (isMore || commit.elsewhere.size > 0 || commit.entries.length !== steps.length) return undefined;
  const entries = new Map(commit.entries.map((entry) => [entry.record, entry]));
  const files: WholeFile[] = [];
  for (const step of steps) {
    const entry = entries.get(step.record);
    if (step.kind !== 'file' || !step.begins || step.end === undefined || entry === undefined)
      return undefined;
    const directory = parentOf(step.path);
    const isNoted = names.journal === undefined || names.known.includes(directory);
    if (!isNoted || entry.path !== step.path || !areas.some((area) => isBelow(area, directory)))
      return undefined;
    files.push({ step, end: step.end, entry });
  }
  return files;
}

function attributes(mode: number, timeNs: bigint, flag: boolean): Buffer {
  const packed = Buffer.alloc(13);
  packed.writeUInt32LE(mode, 0);
  packed.writeBigInt64LE(timeNs, 4);
  packed.writeUInt8(flag ? 1 : 0, 12);
  return packed;
}
