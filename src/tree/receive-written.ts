/**
 * Takes in what a served job has written. It is put under hidden names beside the real ones, and then made to appear at once:
 * by a thread for disks, with a deadline, as the user's files may lie on a file system that hangs. What is small is kept until
 * it is to appear, so that a thread is asked once a job; of what is large no more than some pieces are in memory.
 */
import { createHash, type Hash } from 'node:crypto';
import { parentOf } from '../core/paths.ts';
import { SwarmError } from '../core/swarm-error.ts';
import { type CommitDecision, planCommit } from '../core/tree/commit-plan.ts';
import type { Replaced } from '../core/tree/shown-tree.ts';
import type { Disk } from '../share/disk.ts';
import type { CommitOrder, CommitResult, Staged, StageStep, WrittenEntry } from '../share/written-work.ts';
import { type ByteString, toText } from '../wire/bytes.ts';
import { type Frame, FrameError } from '../wire/frame.ts';
import { hasOwnContent, type LeftRecord, parseJobReport } from '../wire/job-report.ts';
import { parseWritten, type WrittenHead } from '../wire/written-messages.ts';
import { type ClockShift, timeHere } from './clock-shift.ts';
import { HiddenNames } from './hidden-names.ts';

/** Contents that are kept before a thread is asked to write them. */
const mostKeptBytes = 512 * 1024;
const mostKeptSteps = 200;
/** A file server that works hard takes long for many files, and longer where each is looked at, renamed and set. */
const stageTimeoutMs = 30_000;
const commitTimeoutMs = 60_000;
const timeoutMsEach = 50;

/** A file whose content comes. */
interface Filling {
  readonly record: LeftRecord;
  readonly number: number;
  readonly hash: Hash;
  leftBytes: number;
  pieces: Uint8Array[];
  begins: boolean;
}

export interface WrittenFilesInit {
  readonly disk: Pick<Disk, 'run' | 'putWritten'>;
  /** What the job may write below: real paths. */
  readonly areas: readonly ByteString[];
  /** When the job was handed in or later, before it could see anything: by Date.now(). */
  readonly startedAtMs: number;
  /** Of this peer; by default, of this attempt alone, and not kept. */
  readonly names?: HiddenNames;
}

export class WrittenFiles {
  readonly #disk: Pick<Disk, 'run' | 'putWritten'>;
  readonly #areas: readonly ByteString[];
  readonly #startedAtMs: number;
  readonly #names: HiddenNames;
  readonly #prefix: string;
  #head: WrittenHead | undefined;
  #shift: ClockShift = { handedInMs: 0, startedMs: 0, sentMs: 0, receivedMs: 0 };
  #reportParts: Uint8Array[] = [];
  #reportBytes = 0;
  #records: readonly LeftRecord[] | undefined;
  #decision: Exclude<CommitDecision<LeftRecord>, { kind: 'malformed' }> | undefined;
  /** What a thread is still to do, and bytes of contents in it. */
  #steps: StageStep[] = [];
  #keptBytes = 0;
  #staged: readonly Staged[] = [];
  /** When directories that were there had last been changed, before anything was made in them. */
  #timesBefore: ReadonlyMap<ByteString, bigint> = new Map();
  #areTimesNoted = false;
  #numbers: ReadonlyMap<LeftRecord, number> | undefined;
  #next = 0;
  #filling: Filling | undefined;
  /** Frames that are being taken: of the last ones something may still be made. */
  #taking = 0;
  /** It cannot be written here. What still comes is passed over. */
  #failure: SwarmError | undefined;
  #underWay: Promise<unknown> = Promise.resolve();
  #isDropped = false;

  constructor({ disk, areas, startedAtMs, names = new HiddenNames() }: WrittenFilesInit) {
    this.#disk = disk;
    this.#areas = areas;
    this.#startedAtMs = startedAtMs;
    this.#names = names;
    this.#prefix = names.freshPrefix();
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
    const { directories, entries, removals, emptied } = this.#decision.plan;
    const records = [...directories, ...entries, ...removals];
    if (records.length === 0) return { committed: true };
    const result = await this.#put({
      directories: directories.map((record) => this.#entryOf(record)),
      entries: entries.map((record) => this.#entryOf(record)),
      removals: removals.map((record) => this.#entryOf(record)),
      emptied,
      startedAtMs: this.#startedAtMs,
      elsewhere: new Set(records.map(({ path }) => path).filter(isElsewhere)),
    });
    if (result !== undefined) return result;
    throw this.#failure ?? new Error('internal: a commit without a result');
  }

  /** Removes what has not appeared, when what is under way is over; nothing more is taken then. Never rejects. */
  async drop(): Promise<void> {
    this.#isDropped = true;
    await this.#underWay;
    this.#filling = undefined;
    this.#steps = [];
    const staged = this.#staged;
    this.#staged = [];
    if (staged.length === 0) return;
    // A disk that does not answer keeps hidden names that nobody reads.
    await this.#disk.run('dropStaged', staged).catch(() => undefined);
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
    this.#shift = {
      handedInMs: this.#startedAtMs,
      startedMs: head.startedMs,
      sentMs: head.sentMs,
      receivedMs: Date.now(),
    };
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
    await this.#stageNext();
  }

  async #takeContent(piece: Uint8Array): Promise<void> {
    const filling = this.#filling;
    if (filling === undefined || piece.length > filling.leftBytes)
      throw new FrameError('more content than was announced');
    filling.hash.update(piece);
    filling.leftBytes -= piece.length;
    if (!this.#isPassedOver) {
      // A thread is given all that a view is one of, which is the whole of what came with it.
      filling.pieces.push(new Uint8Array(piece));
      this.#keptBytes += piece.length;
    }
    if (filling.leftBytes > 0) {
      if (this.#keptBytes < mostKeptBytes) return;
      this.#keep(filling, false);
      await this.#put();
      return;
    }
    this.#filling = undefined;
    this.#finish(filling);
    await this.#stageNext();
  }

  /** @throws FrameError */
  #finish(filling: Filling): void {
    if (!filling.hash.digest().equals(filling.record.hash))
      throw new FrameError('a content that is not the one that was announced');
    this.#keep(filling, true);
  }

  #keep(filling: Filling, isWhole: boolean): void {
    const { record, number, begins } = filling;
    const { mode, mtimeNs } = record.attributes;
    const pieces = filling.pieces;
    filling.pieces = [];
    filling.begins = false;
    const end = isWhole ? { mode, time: timeHere(mtimeNs, this.#shift) } : undefined;
    this.#steps.push({ kind: 'file', record: number, path: record.path, pieces, begins, end });
  }

  /** Goes through all that needs no content, up to a file that does. */
  async #stageNext(): Promise<void> {
    const records = this.#records ?? [];
    while (this.#next < records.length && this.#filling === undefined) {
      const number = this.#next;
      const record = records[number] as LeftRecord;
      this.#next += 1;
      if (hasOwnContent(record)) this.#open(record, number);
      else if (!this.#isPassedOver) this.#steps.push(...this.#stepsOf(record, number));
      if (this.#keptBytes >= mostKeptBytes || this.#steps.length >= mostKeptSteps) await this.#put();
    }
  }

  #open(record: LeftRecord, number: number): void {
    const filling: Filling = {
      record,
      number,
      hash: createHash('sha256'),
      leftBytes: record.attributes.sizeBytes,
      pieces: [],
      begins: true,
    };
    if (filling.leftBytes > 0) this.#filling = filling;
    else this.#finish(filling);
  }

  #stepsOf(record: LeftRecord, number: number): StageStep[] {
    const { kind, path, sameAs, target, attributes } = record;
    const time = timeHere(attributes.mtimeNs, this.#shift);
    const of = { record: number, path };
    if (kind === 'file' && sameAs !== undefined) return [{ ...of, kind: 'name', first: sameAs }];
    if (kind === 'link') return [{ ...of, kind: 'link', target, time }];
    return kind === 'special' ? [{ ...of, kind: 'fifo', mode: attributes.mode, time }] : [];
  }

  #entryOf(record: LeftRecord): WrittenEntry {
    const { path, kind, inPlace, sameAs, attributes } = record;
    return {
      record: this.#numberOf(record),
      path,
      kind,
      inPlace,
      isOther: sameAs !== undefined,
      mode: attributes.mode,
      time: timeHere(attributes.mtimeNs, this.#shift),
    };
  }

  #numberOf(record: LeftRecord): number {
    this.#numbers ??= new Map(this.#records?.map((one, number) => [one, number]));
    return this.#numbers.get(record) ?? -1;
  }

  /** Has done what is to be done, and makes it appear if that is wanted; what fails is kept to be told. */
  async #put(commit?: CommitOrder): Promise<CommitResult | undefined> {
    const steps = this.#steps;
    this.#steps = [];
    this.#keptBytes = 0;
    if (this.#isPassedOver) return undefined;
    const records = this.#records ?? [];
    const note = this.#areTimesNoted
      ? []
      : records.filter(({ kind }) => kind === 'directory').map(({ path }) => path);
    const moved = commit === undefined ? [] : [...commit.directories, ...commit.entries, ...commit.removals];
    const names = await this.#names.of(
      this.#prefix,
      [...steps, ...moved].map(({ path }) => parentOf(path)),
    );
    const halt = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const work = { areas: this.#areas, names, staged: this.#staged, timesBefore: this.#timesBefore };
    const timeoutMs =
      (commit === undefined ? stageTimeoutMs : commitTimeoutMs) +
      timeoutMsEach * (steps.length + note.length + moved.length);
    try {
      const done = await this.#disk.putWritten({ ...work, note, steps, commit, halt }, timeoutMs);
      this.#areTimesNoted = true;
      this.#staged = done.staged;
      this.#timesBefore = done.timesBefore;
      this.#names.noted(done.noted);
      if (done.failure !== undefined) this.#failure = cannotWrite(done.failure.path, done.failure.why);
      return done.result;
    } catch (error) {
      // It may go on, or still begin: nothing that it does from now on may appear.
      Atomics.store(new Int32Array(halt), 0, 1);
      const [{ path } = { path: '' }] = [...steps, ...moved];
      this.#failure = cannotWrite(path, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  get #isPassedOver(): boolean {
    return this.#failure !== undefined || this.#decision?.kind === 'refused';
  }
}

/** What is said when what a job wrote elsewhere cannot be written here. */
function cannotWrite(path: ByteString, why: string): SwarmError {
  const message = `'${toText(path)}', which the command wrote elsewhere, cannot be written here (${why}).`;
  return new SwarmError('E_TREE', message);
}
