/** Reports as swarmjob writes them, made by hand. */
import { createHash } from 'node:crypto';

export interface Left {
  readonly kind: 'file' | 'directory' | 'link' | 'removed' | 'special';
  readonly path: string;
  readonly content?: string;
  readonly mode?: number;
  readonly timeNs?: bigint;
  readonly target?: string;
  readonly sameAs?: number;
  readonly opaque?: boolean;
  readonly inPlace?: boolean;
}

const kinds = ['file', 'directory', 'link', 'removed', 'special'] as const;
const modes = { file: 0o100644, directory: 0o040755, link: 0o120777, removed: 0, special: 0o010644 } as const;

function number(value: number, sizeBytes: 1 | 2 | 4): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  bytes.writeUIntLE(value, 0, sizeBytes);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([number(bytes.length, 2), bytes]);
}

function attributes({ kind, content = '', mode = modes[kind], timeNs = 1n }: Left): Buffer {
  const bytes = Buffer.alloc(80);
  bytes.writeBigUInt64LE(BigInt(content.length), 16);
  bytes.writeBigInt64LE(timeNs / 1_000_000_000n, 40);
  bytes.writeUInt32LE(Number(timeNs % 1_000_000_000n), 56);
  bytes.writeUInt32LE(mode, 64);
  return bytes;
}

function record(left: Left): Buffer {
  const flags = (left.opaque === true ? 1 : 0) | (left.inPlace === true ? 2 : 0);
  const head = [number(kinds.indexOf(left.kind), 1), number(flags, 1), number(0, 1)];
  const parts = [...head, text(left.path), attributes(left)];
  if (left.kind === 'link') parts.push(text(left.target ?? ''));
  if (left.kind === 'file') {
    parts.push(number(left.sameAs === undefined ? 0 : left.sameAs + 1, 4));
    parts.push(
      createHash('sha256')
        .update(left.content ?? '')
        .digest(),
    );
  }
  return Buffer.concat(parts);
}

/** Of a command that ended with 0. */
export function reportOf(left: readonly Left[]): Buffer {
  const head = [
    number(1, 4),
    text(''),
    ...Array.from({ length: 4 }, () => number(0, 4)),
    number(left.length, 4),
  ];
  return Buffer.concat([...head, ...left.map(record)]);
}
