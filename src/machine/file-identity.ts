/**
 * What a file is, by content, so that two machines can compare: the build id of a program, else a hash. Kept in
 * memory as long as device, inode, size and times stay the same. For system files on local disks: no share.
 */

import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import { BoundedMap } from '../core/bounded-map.ts';
import { toBytes } from '../wire/bytes.ts';
import { formatOf, type ProgramFormat, readElfIdentity } from './elf.ts';
import { isNoAnswer } from './no-answer.ts';

export interface FileIdentity {
  /** `build-id:…`, `sha256:…` or `absent`. */
  readonly identity: string;
  readonly isDynamicProgram: boolean;
  readonly format: ProgramFormat;
}

const headBytes = 16 * 1024;
const pieceBytes = 256 * 1024;
const maxKept = 50_000;
const missing: FileIdentity = { identity: 'absent', isDynamicProgram: false, format: 'script' };

/** Most system files are headers: one read each. Programs have their build id in their head. */
async function identify(path: string): Promise<FileIdentity> {
  const file = await open(toBytes(path), 'r');
  try {
    const head = Buffer.allocUnsafe(headBytes);
    const { bytesRead } = await file.read(head, 0, headBytes, 0);
    const elf = readElfIdentity(head.subarray(0, bytesRead));
    const format = formatOf(head.subarray(0, bytesRead));
    const isDynamicProgram = format === 'dynamic';
    if (elf?.buildId !== undefined) return { identity: `build-id:${elf.buildId}`, isDynamicProgram, format };
    const hash = createHash('sha256').update(head.subarray(0, bytesRead));
    if (bytesRead === headBytes) {
      const piece = Buffer.allocUnsafe(pieceBytes);
      for (let at = bytesRead, length = -1; length !== 0; at += length) {
        length = (await file.read(piece, 0, pieceBytes, at)).bytesRead;
        hash.update(piece.subarray(0, length));
      }
    }
    return { identity: `sha256:${hash.digest('hex')}`, isDynamicProgram, format };
  } finally {
    await file.close();
  }
}

interface Kept {
  readonly stamp: string;
  readonly found: Promise<FileIdentity>;
  checkedMs: number;
}

/** Identities of files, remembered. */
export class FileIdentities {
  readonly #kept = new BoundedMap<string, Kept>(maxKept);
  readonly #believedMs: number;

  /** @param believedMs - how long a file is not looked at again. System files change when packages are installed. @default 5000 */
  constructor(options: { readonly believedMs?: number } = {}) {
    this.#believedMs = options.believedMs ?? 5_000;
  }

  /**
   * The identity of one file (links are followed); one that is missing or may not be read is `absent`.
   *
   * @param options.fresh - looks again, however short ago.
   * @throws Error where it cannot be told, as this machine is short of something.
   */
  async of(path: string, { fresh = false }: { readonly fresh?: boolean } = {}): Promise<FileIdentity> {
    const kept = this.#kept.get(path);
    const nowMs = performance.now();
    if (!fresh && kept !== undefined && nowMs - kept.checkedMs < this.#believedMs) return kept.found;
    const stamp = await stampOf(path);
    if (stamp === undefined) {
      this.#kept.delete(path);
      return missing;
    }
    if (kept?.stamp === stamp) {
      kept.checkedMs = nowMs;
      return kept.found;
    }
    const found = identify(path).catch((error: unknown) => {
      if (!isNoAnswer(error)) return missing; // vanished or unreadable: for us it is not there
      if (this.#kept.get(path)?.found === found) this.#kept.delete(path);
      throw error;
    });
    this.#kept.set(path, { stamp, found, checkedMs: nowMs });
    return found;
  }

  /** Lets all that is kept be looked at again before it is told. */
  doubt(): void {
    for (const kept of this.#kept.values()) kept.checkedMs = Number.NEGATIVE_INFINITY;
  }

  /**
   * One digest of many files, by path and content: equal on two machines if all of them are.
   *
   * @param paths - absolute byte strings, in any order.
   */
  async fingerprint(paths: Iterable<string>): Promise<string> {
    const sorted = [...new Set(paths)].toSorted();
    const identities = await Promise.all(sorted.map((path) => this.of(path)));
    const hash = createHash('sha256');
    sorted.forEach((path, n) => hash.update(`${path}\0${identities[n]?.identity}\n`, 'latin1'));
    return hash.digest('hex').slice(0, 32);
  }
}

async function stampOf(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(toBytes(path), { bigint: true });
    if (!stats.isFile()) return undefined;
    return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`;
  } catch (error) {
    if (isNoAnswer(error)) throw error;
    return undefined; // missing, or not to be looked at: for us it is not there
  }
}
