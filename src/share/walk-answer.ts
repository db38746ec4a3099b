/** How a walk through all that lies below some directories is asked for, and how its answer crosses. */
import { factBytes } from '../core/fact.ts';
import type { NamedFact } from '../core/view/contract.ts';
import type { ByteString } from '../wire/bytes.ts';
import { parseRecord } from './look-answer.ts';

export interface WalkRequest {
  /**
   * - `changed`: tell what was made or changed. A directory comes before what is in it: that it changed is all that tells
   *   of names that were taken away, and of directories that were swapped.
   * - `anew`: open and close each directory and file, so that this machine asks the server for all of them.
   */
  readonly purpose: 'changed' | 'anew';
  /** Names of ours below them are passed over, and links are not followed. */
  readonly directories: readonly ByteString[];
  /** By the share's clock: what changed since then is told. */
  readonly sinceMs: number;
  /** Names that are looked at; then the walk is cut off. */
  readonly maxLooks: number;
  /** Changed things that are told. */
  readonly maxChanged: number;
  /** It is cut off then, if the file system answers but takes its time. */
  readonly timeoutMs: number;
}

export interface Walked {
  readonly changed: readonly NamedFact[];
  /** Why it was cut off, in words: there may be more. */
  readonly cut?: string;
}

/** How a walk ended, as swarmlook numbers it (src/native/swarmlook/walk.h). */
export const walkCuts = ['whole', 'looks', 'changes', 'time', 'unreadable'] as const;
export type WalkCut = (typeof walkCuts)[number];

const mark = 0xff_ff_ff_ff;
const requestBytes = 32;
const changedPurpose = 0;
const anewPurpose = 1;
const milli = 1_000_000n;

/** What has a ctime of so many ns or later has changed. */
export function sinceNs({ sinceMs }: WalkRequest): bigint {
  return BigInt(Math.ceil(sinceMs)) * milli;
}

/** As swarmlook reads it from its stdin. */
export function packWalk(request: WalkRequest): Buffer {
  const { purpose, directories, maxLooks, maxChanged, timeoutMs } = request;
  const text = directories.map((path) => `${path}\0`).join('');
  const packed = Buffer.alloc(4 + requestBytes + text.length);
  packed.writeUInt32LE(requestBytes + text.length, 0);
  packed.writeUInt32LE(mark, 4);
  packed.writeUInt32LE(purpose === 'changed' ? changedPurpose : anewPurpose, 8);
  packed.writeUInt32LE(maxLooks, 12);
  packed.writeUInt32LE(maxChanged, 16);
  packed.writeUInt32LE(timeoutMs, 20);
  packed.writeBigInt64LE(sinceNs(request), 28);
  packed.write(text, 4 + requestBytes, 'latin1');
  return packed;
}

/**
 * Reads swarmlook's answer to a walk, without its first eight bytes (length and errno).
 *
 * @throws Error if it is not one.
 */
export function parseWalked(answer: Buffer): Walked {
  const cut = walkCuts[answer.readUInt32LE(0)];
  const looks = answer.readUInt32LE(4);
  const changed: NamedFact[] = [];
  let at = 12;
  const word = (): ByteString => {
    const end = answer.indexOf(0, at);
    if (end < 0) throw new Error('internal: swarmlook sent too short an answer');
    const text = answer.toString('latin1', at, end);
    at = end + 1;
    return text;
  };
  for (let left = answer.readUInt32LE(8); left > 0; left -= 1) {
    const record = answer.toString('latin1', at, at + factBytes);
    at += factBytes;
    changed.push({ path: word(), fact: parseRecord(record) });
  }
  const stoppedIn = word();
  if (cut === undefined || at !== answer.length)
    throw new Error('internal: swarmlook sent an answer of another kind than was asked for');
  return walkedOf(changed, cut, looks, stoppedIn);
}

export function walkedOf(
  changed: readonly NamedFact[],
  cut: WalkCut,
  looks: number,
  stoppedIn: ByteString,
): Walked {
  if (cut === 'whole') return { changed };
  const words = {
    looks: `more than ${looks} names are there`,
    changes: `more than ${changed.length} files and directories changed`,
    time: `it took too long: ${looks} names were looked at, last in ${stoppedIn}`,
    unreadable: `${stoppedIn} may be written to, and not be read`,
  };
  return { changed, cut: words[cut] };
}
