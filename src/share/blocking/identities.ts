/**
 * What files outside the shares contain, and what else is to be told of names there. Synchronous: runs in a disk thread,
 * where many at once cost a fraction of what as many promises cost the thread that serves all jobs.
 */
import { createHash } from 'node:crypto';
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
    const piece = Buffer.allocUnsafe(headBytes);
    const head = piece.subarray(0, readSync(file, piece, 0, headBytes, 0));
    const elf = readElfIdentity(head);
    const format = formatOf(head);
    const isDynamicProgram = format === 'dynamic';
    if (elf?.buildId !== undefined) return { identity: `build-id:${elf.buildId}`, isDynamicProgram, format };
    const hash = createHash('sha256').update(head);
    if (head.length === headBytes) hashRest(file, hash);
    return { identity: `sha256:${hash.digest('hex')}`, isDynamicProgram, format };
  } finally {
    closeSync(file);
  }
}

function hashRest(file: number, hash: ReturnType<typeof createHash>): void {
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (let at = headBytes; ; ) {
    const length = readSync(file, piece, 0, pieceBytes, at);
    if (length === 0) return;
    hash.update(piece.subarray(0, length));
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
  const stats = statSync(bytes);
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
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}
