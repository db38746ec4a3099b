/**
 * Takes in what a served job has written, under hidden names beside the real ones, and then makes it all appear at once.
 * Memory is bounded: a piece is written before the next is taken.
 */
import { createHash, type Hash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import type { SwarmError } from '../core/swarm-error.ts';
import { type CommitDecision, planCommit } from '../core/tree/commit-plan.ts';
import type { Replaced } from '../core/tree/shown-tree.ts';
import { type ByteString, toBytes } from '../wire/bytes.ts';
import { type Frame, FrameError } from '../wire/frame.ts';
import { hasOwnContent, type LeftRecord, parseJobReport } from '../wire/job-report.ts';
import { parseWritten, type WrittenHead } from '../wire/written-messages.ts';
import { cannotWrite } from './cannot-write.ts';
import { type CommitResult, WrittenCommit } from './commit-written.ts';
import { type ClockShift, timeHere } from './file-time.ts';
import { HiddenNames } from './hidden-names.ts';
import { type OpenFile, Staging } from './staging.ts';

/** A file whose content comes. */
interface Filling {
  readonly record: LeftRecord;
  /** Undefined: it comes, and is not wanted. */
  readonly file: OpenFile | undefined;
  readonly hash: Hash;
  leftBytes: number;
}

export class WrittenFiles {
  readonly #areas: readonly ByteString[];
  readonly #startedAtMs: number;
  readonly #staging: Staging;
  #head: WrittenHead | undefined;
  #shift: ClockShift = { startedMs: 0, sentMs: 0, receivedMs: 0 };
  #reportParts: Uint8Array[] = [];
  #reportBytes = 0;
  #records: readonly LeftRecord[] | undefined;
  #decision: Exclude<CommitDecision<LeftRecord>, { kind: 'malformed' }> | undefined;
  /** When directories that were there had last been changed, before anything was made in them. */
  readonly #timesBefore = new Map<ByteString, bigint>();
  #next = 0;
  #filling: Filling | undefined;
  /** Frames that are being taken: of the last ones something may still be made. */
  #taking = 0;
  /** It cannot be written here. What still comes is passed over. */
  #failure: SwarmError | undefined;
  #underWay: Promise<unknown> = Promise.resolve();
  #isDropped = false;

  /**
   * @param areas - what the job may write below: real paths.
   * @param startedAtMs - when the job was handed in or later, before it could see anything: by Date.now().
   * @param names - of this peer; by default, of this attempt alone, and not kept.
   */
  constructor(areas: readonly ByteString[], startedAtMs: number, names = new HiddenNames()) {
    this.#areas = areas;
    this.#startedAtMs = startedAtMs;
    this.#staging = new Staging(areas, names);
  }

  /** All names that it made, changed or removed, once its report has come. */
  get paths(): ByteString[] {
    return (this.#records ?? []).map(({ path }) => path);
  }

  /** What its names stand for here already and would be gone: files, and directories that were removed or emptied. */
  get replaced(): Replaced[] {
    if (this.#decision?.kind !== 'plan') return [];
    const { directories, entries, removals, emptied } = this.#decision.plan;
    return [
      ...directories.filter(({ path }) => emptied.has(path)).map(({ path }) => ({ path, withAll: true })),
      ...entries.map(({ path }) => ({ path, withAll: false })),
      ...removals.map(({ path }) => ({ path, withAll: true })),
    ];
  }

  /** What is told of them. */
  get records(): readonly LeftRecord[] {
    return this.#records ?? [];
  }

  /** The first of them that only a command that runs here could write; `why` ends a sentence that begins with it. */
  get refusal(): { readonly path: ByteString; readonly why: string } | undefined {
    return this.#decision?.kind === 'refused' ? this.#decision : undefined;
  }

  /** All that was announced has come, and lies under its hidden name. */
  get isWhole(): boolean {
    const hasAll =
      this.#records !== undefined && this.#filling === undefined && this.#next >= this.#records.length;
    return hasAll && this.#taking === 0;
  }

  /**
   * Takes a WRITTEN or a BLOB frame; one at a time.
   *
   * @throws FrameError if the worker sends what it must not: the stream is to be ended.
   */
  async take(frame: Frame): Promise<void> {
    this.#taking += 1;
    try {
      await this.#alone(() => this.#take(frame));
    } finally {
      this.#taking -= 1;
    }
  }

  async #take({ type, payload }: Frame): Promise<void> {
    if (type === 'WRITTEN') this.#begin(parseWritten(payload));
    else if (type !== 'BLOB' || this.#head === undefined)
      throw new FrameError(`a ${type} frame where none was announced`);
    else if (this.#records === undefined) await this.#takeReport(payload, this.#head);
    else await this.#takeContent(payload);
  }

  /**
   * Makes it appear. Nothing has changed if it conflicts with what others did here meanwhile, or can be done only by a
   * command that runs here.
   *
   * @param isElsewhere - what is there now is not what the job could see: nothing is replaced there.
   * @throws SwarmError `E_TREE` if it cannot be written; then what was complete has appeared, and nothing else.
   */
  async commit(isElsewhere: (path: ByteString) => boolean = () => false): Promise<CommitResult> {
    return await this.#alone(() => this.#commit(isElsewhere));
  }

  async #commit(isElsewhere: (path: ByteString) => boolean): Promise<CommitResult> {
    if (!this.isWhole || this.#decision === undefined)
      throw new Error('internal: a commit of what has not come');
    if (this.#decision.kind === 'refused') return { conflict: this.#decision.path, why: this.#decision.why };
    if (this.#failure !== undefined) throw this.#failure;
    return await new WrittenCommit({
      plan: this.#decision.plan,
      areas: this.#areas,
      staging: this.#staging,
      startedAtMs: this.#startedAtMs,
      isElsewhere,
      shift: this.#shift,
      timesBefore: this.#timesBefore,
    }).run();
  }

  /** Removes what has not appeared, when what is under way is over; nothing more is taken then. Never rejects. */
  async drop(): Promise<void> {
    this.#isDropped = true;
    await this.#underWay;
    const filling = this.#filling;
    this.#filling = undefined;
    await filling?.file?.abandon();
    await this.#staging.drop();
  }

  async #alone<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#isDropped) throw new Error('what the command wrote is not wanted any more');
    const acting = act();
    this.#underWay = acting.catch(() => undefined); // told to the caller
    return await acting;
  }

  #begin(head: WrittenHead): void {
    if (this.#head !== undefined) throw new FrameError('a second WRITTEN message');
    this.#head = head;
    this.#shift = { startedMs: head.startedMs, sentMs: head.sentMs, receivedMs: Date.now() };
  }

  async #takeReport(piece: Uint8Array, { reportBytes, contentBytes }: WrittenHead): Promise<void> {
    this.#reportBytes += piece.length;
    if (this.#reportBytes > reportBytes) throw new FrameError('a job report is longer than was announced');
    this.#reportParts.push(piece);
    if (this.#reportBytes < reportBytes) return;
    const { records } = parseJobReport(Buffer.concat(this.#reportParts.splice(0)));
    const decision = planCommit(records, this.#areas);
    if (decision.kind === 'malformed') throw new FrameError(`a job report has ${decision.why}`);
    const sum = records
      .filter(hasOwnContent)
      .reduce((bytes, { attributes }) => bytes + attributes.sizeBytes, 0);
    if (sum !== contentBytes)
      throw new FrameError('a job report tells of other contents than were announced');
    this.#records = records;
    this.#decision = decision;
    for (const { path, kind } of records)
      if (kind === 'directory') await this.#attempt(path, async () => await this.#noteTime(path));
    await this.#stageNext();
  }

  async #noteTime(path: ByteString): Promise<void> {
    try {
      const stats = await lstat(toBytes(path), { bigint: true });
      if (stats.isDirectory()) this.#timesBefore.set(path, stats.mtimeNs);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }

  async #takeContent(piece: Uint8Array): Promise<void> {
    const filling = this.#filling;
    if (filling === undefined || piece.length > filling.leftBytes)
      throw new FrameError('more content than was announced');
    filling.hash.update(piece);
    await this.#attempt(filling.record.path, async () => await filling.file?.write(piece));
    filling.leftBytes -= piece.length;
    if (filling.leftBytes > 0) return;
    this.#filling = undefined;
    await this.#finish(filling);
    await this.#stageNext();
  }

  async #finish({ record, file, hash }: Filling): Promise<void> {
    if (!hash.digest().equals(record.hash)) {
      await file?.abandon();
      throw new FrameError('a content that is not the one that was announced');
    }
    if (this.#isPassedOver) await file?.abandon();
    else await this.#attempt(record.path, async () => await file?.finish());
  }

  /** Makes all that needs no content, up to a file that does. */
  async #stageNext(): Promise<void> {
    const records = this.#records ?? [];
    while (this.#next < records.length && this.#filling === undefined) {
      const record = records[this.#next] as LeftRecord;
      this.#next += 1;
      if (hasOwnContent(record)) await this.#open(record);
      else await this.#attempt(record.path, async () => await this.#stage(record, records));
    }
  }

  async #open(record: LeftRecord): Promise<void> {
    let file: OpenFile | undefined;
    await this.#attempt(record.path, async () => {
      file = await this.#staging.file(record, timeHere(record.attributes.mtimeNs, this.#shift));
    });
    const filling = { record, file, hash: createHash('sha256'), leftBytes: record.attributes.sizeBytes };
    if (filling.leftBytes > 0) this.#filling = filling;
    else await this.#finish(filling);
  }

  async #stage(record: LeftRecord, records: readonly LeftRecord[]): Promise<void> {
    const time = timeHere(record.attributes.mtimeNs, this.#shift);
    const first = record.sameAs === undefined ? undefined : records[record.sameAs];
    if (record.kind === 'file' && first !== undefined) await this.#staging.another(record, first);
    else if (record.kind === 'link') await this.#staging.link(record, time);
    else if (record.kind === 'special') await this.#staging.fifo(record, time);
  }

  /** Does something here, unless something failed before: that is told by the commit. */
  async #attempt(path: ByteString, act: () => Promise<unknown>): Promise<void> {
    if (this.#isPassedOver) return;
    try {
      await act();
    } catch (error) {
      this.#failure = cannotWrite(path, error);
    }
  }

  get #isPassedOver(): boolean {
    return this.#failure !== undefined || this.#decision?.kind === 'refused';
  }
}
