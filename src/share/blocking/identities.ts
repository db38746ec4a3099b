/**
 * What files outside the shares contain, and what else is to be told of names there. Synchronous: runs in a disk thread,
 * where many at once cost a fraction of what as many promises cost the thread that serves all jobs.
 */
import { createHash, hash } from 'node:crypto';
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { basename } from 'node:path';
import { formatOf, readElfIdentity } from '../../core/elf.ts';
import {
  type AnsweredFile,
  type AskedFile,
  type FileIdentity,
  type OutsideAnswered,
} from '../../core/file-identity.ts';
import { isNoAnswer } from '../../core/no-answer.ts';
import type { OutsideName } from '../../core/view/outside-name.ts';
import { fromBytes, toBytes } from '../../wire/bytes.ts';

const headBytes = 16 * 1024;
const pieceBytes = 256 * 1024;
const absentAnswer = 'absent';
/** What is being read: a new one for each file would be megabytes a job for V8 to collect. */
const piece = Buffer.allocUnsafeSlow(pieceBytes);

/** Links are followed; a file that is missing or may not be read is absent. */
export function identities(asked: readonly AskedFile[]): AnsweredFile[] {
  return asked.map(({ path, stamp }) => {
    const bytes = toBytes(path);
    try {
      const stats = statSync(bytes, { bigint: true, throwIfNoEntry: false });
      if (stats === undefined || !stats.isFile()) return { kind: 'absent' };
      const seen = `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
      if (seen === stamp) return { kind: 'same' };
      return { kind: 'found', stamp: seen, file: identify(bytes) };
    } catch (error) {
      return isNoAnswer(error) ? { kind: 'unanswered', why: String(error) } : { kind: 'absent' };
    }
  });
}

/** What this machine answers when a program looks such names up; what cannot be looked at is not there for it. */
export function outsideAnswers(names: readonly OutsideName[]): OutsideAnswered[] {
  return names.map((name) => {
    try {
      return { answer: answerOf(name) };
    } catch (error) {
      return isNoAnswer(error) ? { why: String(error) } : { answer: absentAnswer };
    }
  });
}

/** Most system files are headers: one read each. Programs have their build id in their head. */
function identify(bytes: Buffer): FileIdentity {
  const file = openSync(bytes, 'r');
  try {
    const head = piece.subarray(0, readSync(file, piece, 0, headBytes, 0));
    const elf = readElfIdentity(head);
    const format = formatOf(head);
    const isDynamicProgram = format === 'dynamic';
    if (elf?.buildId !== undefined) return { identity: `build-id:${elf.buildId}`, isDynamicProgram, format };
    const digest = head.length < headBytes ? sha256(head) : digestOfLong(file, head);
    return { identity: `sha256:${digest}`, isDynamicProgram, format };
  } finally {
    closeSync(file);
  }
}

function digestOfLong(file: number, head: Buffer): string {
  const hashing = createHash('sha256').update(head);
  for (let at = headBytes; ; ) {
    const length = readSync(file, piece, 0, pieceBytes, at);
    if (length === 0) return hashing.digest('hex');
    hashing.update(piece.subarray(0, length));
    at += length;
  }
}

function answerOf({ look, path }: OutsideName): string {
  const bytes = toBytes(path);
  const own = lstatSync(bytes, { throwIfNoEntry: false });
  if (own === undefined) return absentAnswer;
  // A program passes over links to swarmrun as the wrapper does: to it they are not there.
  if (own.isSymbolicLink() && leadsToWrapper(bytes)) return absentAnswer;
  if (look === 'names') return namesOf(readdirSync(bytes, { encoding: 'buffer' }));
  if (look === 'place') return `at ${placeOf(bytes)}`;
  if (look === 'link' && own.isSymbolicLink())
    return `link ${digestOf(readlinkSync(bytes, { encoding: 'buffer' }))}`;
  const stats = own.isSymbolicLink() ? statSync(bytes) : own;
  if (stats.isFile()) return identify(bytes).identity;
  return stats.isDirectory() ? `directory ${placeOf(bytes)}` : `device ${stats.rdev}`;
}

function leadsToWrapper(bytes: Buffer): boolean {
  try {
    return basename(fromBytes(realpathSync.native(bytes, { encoding: 'buffer' }))) === 'swarmrun';
  } catch {
    return false; // it leads nowhere
  }
}

function placeOf(bytes: Buffer): string {
  return digestOf(realpathSync.native(bytes, { encoding: 'buffer' }));
}

function namesOf(names: readonly Uint8Array[]): string {
  return `names ${digestOf(toBytes(names.map(fromBytes).toSorted().join('\0')))}`;
}

function digestOf(bytes: Uint8Array): string {
  return sha256(bytes).slice(0, 32);
}

function sha256(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}
