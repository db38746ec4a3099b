/** How a look at many paths crosses from where it is taken: records of fixed length, compared as they are. */
import { type Fact, factBytes } from '../core/fact.ts';
import type { ByteString } from '../wire/bytes.ts';

export interface LookRequest {
  /** `lstat` each. */
  readonly paths: readonly ByteString[];
  /** `readlink` each. */
  readonly links: readonly ByteString[];
  /** List the sub-directories (not links) of each. */
  readonly lists: readonly ByteString[];
}

export interface Looks {
  /** A record of {@link factBytes} for each path, see src/native/fact.h. */
  readonly records: Uint8Array;
  /** Of each link that was asked for; undefined where there is none any more. */
  readonly targets: readonly (ByteString | undefined)[];
  /** Names of the sub-directories of each directory that was asked for. */
  readonly names: readonly (readonly ByteString[])[];
}

const kinds = { f: 'file', d: 'directory', l: 'link', o: 'other', a: 'absent' } as const;

/** A fact from its record, as a byte string. */
export function parseRecord(record: ByteString): Fact {
  const bytes = Buffer.from(record, 'latin1');
  return {
    kind: kinds[record.charAt(0) as keyof typeof kinds],
    inode: bytes.readBigUInt64LE(1).toString(),
    sizeBytes: Number(bytes.readBigUInt64LE(9)),
    mtimeNs: bytes.readBigInt64LE(17).toString(),
    ctimeNs: bytes.readBigInt64LE(25).toString(),
  };
}

/** Writes what {@link parseRecord} reads. */
export function putRecord(records: Buffer, index: number, fact: Fact): void {
  const at = index * factBytes;
  records.write(fact.kind.charAt(0), at, 'latin1');
  records.writeBigUInt64LE(BigInt(fact.inode), at + 1);
  records.writeBigUInt64LE(BigInt(fact.sizeBytes), at + 9);
  records.writeBigInt64LE(BigInt(fact.mtimeNs), at + 17);
  records.writeBigInt64LE(BigInt(fact.ctimeNs), at + 25);
}

/** What is thrown where an answer is not one to what was asked. */
export function wrongLength(): Error {
  return new Error('internal: swarmlook sent an answer of another length than was asked for');
}

/** As swarmlook reads it from its stdin. */
export function packRequest({ paths, links, lists }: LookRequest): Buffer {
  const all = [...paths, ...links, ...lists];
  const text = all.length === 0 ? '' : `${all.join('\0')}\0`;
  const request = Buffer.allocUnsafe(16 + text.length);
  request.writeUInt32LE(12 + text.length, 0);
  request.writeUInt32LE(paths.length, 4);
  request.writeUInt32LE(links.length, 8);
  request.writeUInt32LE(lists.length, 12);
  request.write(text, 16, 'latin1');
  return request;
}

/**
 * Reads swarmlook's answer to a request, without its first eight bytes (length and errno).
 *
 * @throws Error if it is not one.
 */
export function parseLooks(answer: Buffer, { paths, links, lists }: LookRequest): Looks {
  const tail = paths.length * factBytes;
  // As `join` with an ending NUL would have made it.
  const words = answer.toString('latin1', tail).split('\0');
  let at = 0;
  const next = (): string => {
    const word = words[at];
    at += 1;
    if (word === undefined) throw new Error('internal: swarmlook sent too short an answer');
    return word;
  };
  const targets = links.map(() => {
    const target = next();
    return target === '' ? undefined : target;
  });
  const names = lists.map(() => {
    const found: string[] = [];
    for (let name = next(); name !== ''; name = next()) found.push(name);
    return found;
  });
  if (answer.length < tail || at !== words.length - 1) throw wrongLength();
  return { records: answer.subarray(0, tail), targets, names };
}
