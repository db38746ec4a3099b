/** The report of swarmjob: what a command in a served tree left (docs/TREE-PROTOCOL.md, "Jobs"). A file, not a frame. */
import type { ByteString } from './bytes.ts';
import { FrameError } from './frame.ts';
import { attrBytes, Cursor, hashBytes, type TreePath } from './tree-messages.ts';

const recordKinds = ['file', 'directory', 'link', 'removed', 'special'] as const;

/** Attributes of what a job left; times in nanoseconds. */
export interface LeftAttributes {
  readonly mode: number;
  /** Names of the file, those that the job made among them. */
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
}

/** One name that a job made, changed or removed. */
export interface LeftRecord {
  readonly kind: (typeof recordKinds)[number];
  readonly path: TreePath;
  /** The directory of the job's scratch where its content lies, with the same path below that of the area. */
  readonly area: number;
  /** Of a directory: nothing that the tree has in it is left. */
  readonly opaque: boolean;
  /** A file or directory that was there before, perhaps under another name, and was changed; false: it was made. */
  readonly inPlace: boolean;
  /** It was given extended attributes or an access list, which do not travel. */
  readonly extended: boolean;
  readonly attributes: LeftAttributes;
  readonly target: ByteString;
  /** Of a file: SHA-256. */
  readonly hash: Uint8Array;
  /** Of a file that has an earlier name in this report: that record's place in the list. */
  readonly sameAs: number | undefined;
}

export interface JobReport {
  /** Empty if the command ran; else the step that failed, with `errno`. */
  readonly stage: string;
  readonly errno: number;
  /** As wait() gives it. */
  readonly status: number;
  /** Processes that outlived the command and were ended. */
  readonly left: number;
  /** An errno if the list is not whole, else 0. */
  readonly listErrno: number;
  readonly records: readonly LeftRecord[];
}

function parseAttributes(from: Cursor): LeftAttributes {
  const raw = from.take(attrBytes);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const narrow = 5 * 8 + 2 * 8;
  return {
    sizeBytes: Number(view.getBigUint64(16, true)),
    mtimeNs: view.getBigInt64(40, true) * 1_000_000_000n + BigInt(view.getUint32(narrow, true)),
    mode: view.getUint32(narrow + 8, true),
    links: view.getUint32(narrow + 12, true),
    uid: view.getUint32(narrow + 16, true),
    gid: view.getUint32(narrow + 20, true),
  };
}

function parseRecord(from: Cursor): LeftRecord {
  const kind = recordKinds[from.u8()];
  if (kind === undefined) throw new FrameError('a job report has a record of no known kind');
  const flags = from.u8();
  const opaque = (flags & 1) !== 0;
  const inPlace = (flags & 2) !== 0;
  const extended = (flags & 4) !== 0;
  const area = from.u8();
  const path = from.text();
  const attributes = parseAttributes(from);
  const target = kind === 'link' ? from.text() : '';
  const first = kind === 'file' ? from.u32() : 0;
  const hash = kind === 'file' ? from.take(hashBytes) : new Uint8Array(0);
  const sameAs = first === 0 ? undefined : first - 1;
  return { kind, path, area, opaque, inPlace, extended, attributes, target, hash, sameAs };
}

/** @throws FrameError */
export function parseJobReport(bytes: Uint8Array): JobReport {
  const from = new Cursor('job report', bytes);
  if (from.u32() !== 1) throw new FrameError('a job report is of another version');
  const stage = from.text();
  const [errno, status, left, listErrno, count] = [
    from.u32(),
    from.u32(),
    from.u32(),
    from.u32(),
    from.u32(),
  ];
  const records: LeftRecord[] = [];
  for (let n = 0; n < count; n += 1) records.push(parseRecord(from));
  from.end();
  return { stage, errno, status, left, listErrno, records };
}

/** Whether its content follows the report when it is sent: not of another name of an earlier file. */
export function hasOwnContent({ kind, sameAs }: LeftRecord): boolean {
  return kind === 'file' && sameAs === undefined;
}
