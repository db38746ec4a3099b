/** TREE_READ and TREE_CONTENT where the submitter's peer itself asks, for a worker that has not asked yet (docs/TREE-PROTOCOL.md). */
import { type ByteString, fromBytes, toBytes } from './bytes.ts';
import { madePayload, type Payload } from './frame.ts';
import { attrBytes, Cursor, hashBytes, type TreePath } from './tree-messages.ts';

/** The number of what no worker has asked for. */
const pushedId = 0;
const headBytes = 4 + 8 + 4 + 1 + attrBytes + 1;
const lengthAt = 12;
/** Behind device and inode. */
const sizeAt = 8 + 8;

/** The beginning of a file, of any attributes. */
export interface TreeRead {
  readonly path: TreePath;
  readonly sizeBytes: number;
  /** No bytes come where the file has this hash. */
  readonly candidate?: ByteString | undefined;
}

/** Asks for a content that is to be pushed. */
export function encodePushedRead({ path, sizeBytes, candidate = '' }: TreeRead): Payload<'TREE_READ'> {
  const bytes = Buffer.alloc(headBytes + candidate.length + 2 + path.length);
  bytes.writeUInt32LE(pushedId, 0);
  bytes.writeUInt32LE(sizeBytes, lengthAt);
  bytes[headBytes - 1] = candidate.length / hashBytes;
  bytes.set(toBytes(candidate), headBytes);
  bytes.writeUInt16LE(path.length, headBytes + candidate.length);
  bytes.set(toBytes(path), headBytes + candidate.length + 2);
  return madePayload(bytes);
}

export interface TreeContentHead {
  /** How much of the file is in this message: nothing where it is the candidate, is another than was expected, or cannot be had. */
  readonly content: 'whole' | 'part' | 'none';
  /** Of what is in it. */
  readonly hash: ByteString;
}

/** The file is the candidate; is another than was expected; cannot be read; may not be served. */
const withoutBytes = 1 | 4 | 8 | 16;

/** @throws FrameError */
export function parseTreeContentHead(payload: Uint8Array): TreeContentHead {
  const from = new Cursor('TREE_CONTENT', payload);
  from.take(4 + 8);
  const flags = from.u8();
  from.take(1 + 4);
  const attr = from.take(attrBytes);
  const offset = from.count();
  const hash = fromBytes(from.take(hashBytes));
  from.text();
  const sizeBytes = new DataView(attr.buffer, attr.byteOffset, attr.byteLength).getBigUint64(sizeAt, true);
  const isWhole = offset === 0 && BigInt(from.left) === sizeBytes;
  return { content: (flags & withoutBytes) !== 0 ? 'none' : isWhole ? 'whole' : 'part', hash };
}
