/** Takes in what a served job has written, under temporary names beside the real ones, and renames it all at once. */
import { randomBytes } from 'node:crypto';
import { chmod, type FileHandle, link, lstat, mkdir, open, rename, rm, symlink } from 'node:fs/promises';
import { isBelow } from '../core/paths.ts';
import { type ByteString, toBytes } from '../wire/bytes.ts';
import { FrameError } from '../wire/frame.ts';
import { type JobReport, type LeftRecord, parseJobReport } from '../wire/tree-messages.ts';

const maxReportBytes = 64 * 1024 * 1024;

/** A file that is being received, or was. */
interface Received {
  readonly record: LeftRecord;
  readonly temporary: ByteString;
}

export class WrittenFiles {
  readonly #areas: readonly ByteString[];
  readonly #tag = randomBytes(6).toString('hex');
  #reportBytes = -1;
  #reportParts: Uint8Array[] = [];
  #got = 0;
  #report: JobReport | undefined;
  #next = 0;
  #open: { file: FileHandle; leftBytes: number } | undefined;
  readonly #files: Received[] = [];
  #made: ByteString[] = [];

  constructor(areas: readonly ByteString[]) {
    this.#areas = areas;
  }

  get paths(): ByteString[] {
    return (this.#report?.records ?? []).map(({ path }) => path);
  }

  /** @throws FrameError, errors of the file system */
  async begin(sizeBytes: number): Promise<void> {
    if (this.#reportBytes >= 0 || sizeBytes > maxReportBytes)
      throw new FrameError('a report that has no place');
    this.#reportBytes = sizeBytes;
  }

  async take(piece: Uint8Array): Promise<void> {
    if (this.#report === undefined) {
      this.#reportParts.push(piece);
      this.#got += piece.length;
      if (this.#got < this.#reportBytes) return;
      this.#report = parseJobReport(Buffer.concat(this.#reportParts));
      this.#check(this.#report);
      await this.#openNext();
      return;
    }
    if (this.#open === undefined || piece.length > this.#open.leftBytes)
      throw new FrameError('more than was said');
    await this.#open.file.write(piece);
    this.#open.leftBytes -= piece.length;
    if (this.#open.leftBytes > 0) return;
    await this.#open.file.close();
    this.#open = undefined;
    await this.#openNext();
  }

  get isWhole(): boolean {
    return (
      this.#report !== undefined && this.#open === undefined && this.#next >= this.#report.records.length
    );
  }

  async commit(): Promise<{ readonly committed: true } | { readonly conflict: ByteString }> {
    const records = this.#report?.records ?? [];
    for (const { record, temporary } of this.#files.toSorted((a, b) => rank(a) - rank(b))) {
      await rename(toBytes(temporary), toBytes(record.path));
    }
    for (const record of records) {
      if (record.kind === 'link') {
        await rm(toBytes(record.path), { force: true });
        await symlink(toBytes(record.target), toBytes(record.path));
      }
    }
    for (const record of records.toReversed())
      if (record.kind === 'removed') await rm(toBytes(record.path), { force: true, recursive: true });
    for (const record of records.toReversed())
      if (record.kind === 'directory') await chmod(toBytes(record.path), record.attributes.mode & 0o7777);
    // From now on it is the user's.
    this.#files.length = 0;
    this.#made = [];
    return { committed: true };
  }

  async drop(): Promise<void> {
    await this.#open?.file.close();
    for (const { temporary } of this.#files) await rm(toBytes(temporary), { force: true });
    for (const made of this.#made.toReversed()) await rm(toBytes(made), { force: true, recursive: true });
  }

  #check({ records }: JobReport): void {
    for (const { path } of records)
      if (!this.#areas.some((area) => isBelow(area, path))) throw new FrameError('a file outside the areas');
  }

  async #openNext(): Promise<void> {
    const { records } = this.#report as JobReport;
    for (; this.#next < records.length; ) {
      const record = records[this.#next] as LeftRecord;
      this.#next += 1;
      if (record.kind === 'directory') {
        const there = await lstat(toBytes(record.path)).catch(() => undefined);
        if (there?.isDirectory() === true) continue;
        await mkdir(toBytes(record.path));
        this.#made.push(record.path);
      }
      if (record.kind !== 'file') continue;
      const slash = record.path.lastIndexOf('/');
      const temporary = `${record.path.slice(0, slash + 1)}.buildswarm-${this.#tag}-${this.#files.length}`;
      const first = this.#files.find(
        (each) => record.sameAs !== undefined && each.record === records[record.sameAs],
      );
      if (first !== undefined) {
        await link(toBytes(first.temporary), toBytes(temporary));
        this.#files.push({ record, temporary });
        continue;
      }
      const file = await open(toBytes(temporary), 'wx', 0o600);
      this.#files.push({ record, temporary });
      if (record.attributes.sizeBytes === 0) {
        await file.chmod(record.attributes.mode & 0o7777);
        await file.close();
        continue;
      }
      await file.chmod(record.attributes.mode & 0o7777);
      this.#open = { file, leftBytes: record.attributes.sizeBytes };
      return;
    }
  }
}

function rank({ record: { path } }: Received): number {
  return /\.(?:d|dd|dep|P|Po|Plo|Tpo)$/.test(path) ? 1 : 0;
}
