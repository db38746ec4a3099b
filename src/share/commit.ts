/**
 * From hidden names to real ones: the submitter's side of outputs. It waits until it sees exactly what the worker
 * reported and then renames; nothing else ever writes a real name. What may be renamed at all is decided before the
 * job starts (./obstacles.ts) and once more right before the rename.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fact } from '../core/fact.ts';
import { parentOf } from '../core/paths.ts';
import { isHidden } from '../core/share-layout.ts';
import { type FactField, factFields } from '../core/view/contract.ts';
import { nextLookMs, seeTimeoutMs } from '../core/view/outputs.ts';
import type { RenameFailure } from './commit-work.ts';
import { type Disk, defaultDiskTimeoutMs } from './disk.ts';
import type { OutputRole } from './obstacles.ts';
import { touchDirectories } from './touch.ts';

export interface ExpectedFact {
  /** Byte string, absolute. */
  readonly path: string;
  readonly fact: Fact;
}

export interface SeeOptions {
  /** Which fields agree between machines on this share. @default all */
  readonly fields?: readonly FactField[];
  /** How long to look for it. @default 5000 */
  readonly timeoutMs?: number;
}

export interface AwaitOptions extends SeeOptions {
  /** What has been changed once more since then, by whomever, will do too. @default false */
  readonly orNewer?: boolean;
}

export interface CommitOptions extends SeeOptions {
  /** Hidden names that are removed when all is renamed. */
  readonly unwanted?: readonly string[];
}

/** Tries at once and then ever less often until `attempt` yields nothing that is missing, or the deadline. */
async function repeatUntil<Result>(
  attempt: () => Promise<Result>,
  isDone: (result: Result) => boolean,
  timeoutMs: number,
): Promise<Result> {
  const beganMs = performance.now();
  for (let looks = 1; ; looks += 1) {
    const result = await attempt();
    const pauseMs = nextLookMs(looks, performance.now() - beganMs, timeoutMs);
    if (isDone(result) || pauseMs === undefined) return result;
    await sleep(pauseMs);
  }
}

/**
 * Looks, refreshing where needed, until every path has the fact that another machine reported.
 *
 * @returns what is still seen otherwise at the deadline; empty if all is as expected.
 * @throws DiskError if the file system fails or hangs.
 */
export function awaitFacts(
  disk: Disk,
  expected: readonly ExpectedFact[],
  options: AwaitOptions = {},
): Promise<{ readonly path: string; readonly seen: Fact }[]> {
  const { fields = factFields, timeoutMs = seeTimeoutMs, orNewer = false } = options;
  let open = expected;
  const look = async () => {
    if (open.length === 0) return [];
    const paths = open.map(({ path }) => path);
    const facts = open.map(({ fact }) => fact);
    const otherwise = await disk.run('lookOtherwise', { paths, facts, fields, orNewer });
    const missed = new Set(otherwise.map(({ path }) => path));
    open = open.filter(({ path }) => missed.has(path));
    return otherwise;
  };
  return repeatUntil(look, (otherwise) => otherwise.length === 0, timeoutMs);
}

/** What other jobs make and delete in the same directory is not waited for longer than this. */
const goneMs = 200;

/**
 * Waits until this machine sees what an opaque command has written: each path as reported, or as
 * somebody has changed it since. What is missing even after its directory was touched was deleted since; and a
 * directory that was refreshed so often is seen as well as can be.
 *
 * @returns what is still seen otherwise at the deadline.
 * @throws DiskError if the file system fails or hangs.
 */
export async function awaitWritten(
  disk: Disk,
  expected: readonly ExpectedFact[],
  options: SeeOptions = {},
): Promise<{ readonly path: string; readonly seen: Fact }[]> {
  const late = await awaitFacts(disk, expected, { ...options, orNewer: true, timeoutMs: goneMs });
  if (late.length === 0) return [];
  await touchDirectories(disk, [...new Set(late.map(({ path }) => parentOf(path)))]);
  const open = pick(expected, late);
  const left = await awaitFacts(disk, open, { ...options, orNewer: true, timeoutMs: 0 });
  const wrong = left.filter(({ seen }) => seen.kind !== 'absent');
  const files = open.filter(({ fact }) => fact.kind !== 'directory');
  return awaitFacts(disk, pick(files, wrong), { ...options, orNewer: true });
}

function pick(expected: readonly ExpectedFact[], of: readonly { readonly path: string }[]): ExpectedFact[] {
  const paths = new Set(of.map(({ path }) => path));
  return expected.filter(({ path }) => paths.has(path));
}

export interface HiddenOutput {
  readonly hidden: string;
  readonly path: string;
  readonly role: OutputRole;
  /** As the worker reported it. */
  readonly fact: Fact;
}

export type CommitResult =
  | { readonly kind: 'committed' }
  /** Not seen in time: nothing was renamed; let the worker send the bytes, or try again elsewhere. */
  | { readonly kind: 'unseen'; readonly unseen: readonly { readonly path: string; readonly seen: Fact }[] }
  /** `code` is an errno's name (ENOSPC, EDQUOT, EACCES …) or OBSTACLE; the first `renamed` outputs are in place. */
  | ({ readonly kind: 'failed'; readonly renamed: number } & RenameFailure);

/**
 * Waits until it sees all hidden outputs as reported, then renames them in the order given (object first, dependency
 * file last). Until then the old outputs are untouched.
 */
export async function commitOutputs(
  disk: Disk,
  outputs: readonly HiddenOutput[],
  options: CommitOptions = {},
): Promise<CommitResult> {
  const { fields = factFields, timeoutMs = seeTimeoutMs, unwanted = [] } = options;
  const input = {
    outputs: outputs.map(({ hidden, path, role }) => ({ hidden, path, role })),
    expected: { paths: outputs.map(({ hidden }) => hidden), facts: outputs.map(({ fact }) => fact), fields },
    unwanted,
  };
  const result = await repeatUntil(
    () => disk.renameIfSeen(input),
    ({ unseen }) => unseen === undefined,
    timeoutMs,
  );
  if (result.unseen !== undefined) return { kind: 'unseen', unseen: result.unseen };
  const { renamed, failure } = result;
  return failure === undefined ? { kind: 'committed' } : { kind: 'failed', renamed, ...failure };
}

/** Removes hidden outputs of an attempt that came to nothing; those that are not there are fine. */
export function removeHidden(disk: Disk, hidden: readonly string[]): Promise<number> {
  const foreign = hidden.find((path) => !isHidden(path));
  if (foreign !== undefined) return Promise.reject(new Error(`internal: '${foreign}' is not a hidden name`));
  return disk.run('removeAll', hidden);
}

/** Nobody writes to a hidden name for that long without a lease. */
export const hiddenLifeMs = 3_600_000;

/**
 * Removes what attempts left behind in `directories`: hidden names older than an hour.
 *
 * @param nowMs - by the share's clock: see ./share-clock.ts.
 */
export async function sweepHidden(
  disk: Disk,
  directories: readonly string[],
  nowMs: number,
): Promise<string[]> {
  const found = await disk.run('listHidden', { directories });
  const paths = found.filter(({ mtimeMs }) => nowMs - mtimeMs >= hiddenLifeMs).map(({ path }) => path);
  if (paths.length > 0) await disk.run('removeAll', paths);
  return paths;
}

/** Pieces of this size cross the network when an output has to be sent. */
export const pieceBytes = 60 * 1024;

/** One piece of an output, for a submitter that cannot see it; empty past its end. */
export function readPiece(disk: Disk, path: string, offset: number): Promise<Uint8Array> {
  return disk.run('readPiece', { path, offset, length: pieceBytes });
}

/**
 * Writes an output of which the worker sends the bytes, under a hidden name of its own. Hand the fact that the last
 * piece yields to {@link commitOutputs}. A piece that fails (ENOSPC, EDQUOT, EIO) removes the file.
 */
export class SentOutput {
  readonly #disk: Disk;
  readonly #mode: number;
  readonly #timeoutMs: number;
  readonly hidden: string;
  #isFirst = true;

  /** @param mode - permissions that it will have, umask already taken off. */
  constructor(disk: Disk, options: { hidden: string; mode: number; timeoutMs?: number }) {
    this.#disk = disk;
    this.#mode = options.mode;
    this.#timeoutMs = options.timeoutMs ?? defaultDiskTimeoutMs;
    this.hidden = options.hidden;
  }

  /** Appends a piece; one at a time. An output of no bytes is one empty piece. */
  append(bytes: Uint8Array): Promise<Fact> {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const input = { path: this.hidden, bytes, mode: this.#mode, isFirst };
    return this.#disk.run('writePiece', input, this.#timeoutMs);
  }
}
