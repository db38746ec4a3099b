/** Looks at all that a job is about to replace or remove here, for what `core/tree/conflict.ts` decides by. */
import { readdir } from 'node:fs/promises';
import { baseName, joinPath, parentOf } from '../core/paths.ts';
import type { CommitPlan } from '../core/tree/commit-plan.ts';
import { isAnother, isGone, type ThereNow, whyNotReplaced, whyNotWritten } from '../core/tree/conflict.ts';
import { type ByteString, fromBytes } from '../wire/bytes.ts';
import type { LeftRecord } from '../wire/job-report.ts';
import { cannotWrite } from './cannot-write.ts';
import { RealDirectory } from './real-directory.ts';
import type { Staging } from './staging.ts';

export interface Conflict {
  readonly conflict: ByteString;
  /** Ends a sentence that begins with the path. */
  readonly why: string;
}

export interface ComparisonInit {
  readonly plan: CommitPlan<LeftRecord>;
  readonly staging: Staging;
  readonly startedAtMs: number;
  /** What is there now is not what the job could see. */
  readonly isElsewhere: (path: ByteString) => boolean;
}

type Stats = NonNullable<Awaited<ReturnType<RealDirectory['look']>>>;

export class Comparison {
  readonly #plan: CommitPlan<LeftRecord>;
  readonly #staging: Staging;
  readonly #startedNs: bigint;
  readonly #isElsewhere: ComparisonInit['isElsewhere'];
  readonly #recorded: ReadonlySet<ByteString>;
  /** Directories that the job made, or made anew. */
  readonly #made: ReadonlySet<ByteString>;
  /** A copy under a name that is not here may be what was moved, or linked, there. */
  readonly #hasMoves: boolean;
  /** What is left in directories that the job has emptied: to be removed. */
  readonly superseded: ByteString[] = [];

  constructor({ plan, staging, startedAtMs, isElsewhere }: ComparisonInit) {
    this.#plan = plan;
    this.#staging = staging;
    this.#startedNs = BigInt(startedAtMs) * 1_000_000n;
    this.#isElsewhere = isElsewhere;
    this.#made = new Set(
      plan.directories
        .filter(({ path, inPlace }) => !inPlace || plan.emptied.has(path))
        .map(({ path }) => path),
    );
    this.#hasMoves = plan.removals.length > 0 || plan.entries.some(({ sameAs }) => sameAs !== undefined);
    this.#recorded = new Set([...plan.directories, ...plan.entries].map(({ path }) => path));
  }

  /** @returns undefined if there is none. @throws SwarmError `E_TREE` */
  async conflict(): Promise<Conflict | undefined> {
    const { directories, entries, removals } = this.#plan;
    for (const record of [...directories, ...entries, ...removals]) {
      try {
        const conflict = await this.#compare(record);
        if (conflict !== undefined) return conflict;
      } catch (error) {
        throw cannotWrite(record.path, error);
      }
    }
    return undefined;
  }

  async #compare(record: LeftRecord): Promise<Conflict | undefined> {
    const { path, kind } = record;
    const parent = await RealDirectory.open(parentOf(path));
    // Where there is no directory yet, or a link that the job has replaced by one, there is nothing of that name.
    if (parent === undefined)
      return this.#made.has(parentOf(path)) ? undefined : { conflict: parentOf(path), why: isGone };
    try {
      const there = await parent.look(baseName(path));
      if (there === undefined) return this.#ofAbsent(record);
      if (kind === 'directory' && there.isDirectory()) return await this.#ofDirectory(record, there, parent);
      if (this.#isElsewhere(path)) return { conflict: path, why: isAnother };
      if (there.isDirectory()) return await this.#ofTree(path, parent);
      const now = thereNow(there);
      return conflictOf(
        path,
        record.inPlace ? whyNotWritten(now, ownUid(), this.#startedNs) : whyNotReplaced(now, this.#startedNs),
      );
    } finally {
      parent.close();
    }
  }

  #ofAbsent({ path, kind, inPlace }: LeftRecord): Conflict | undefined {
    const wasThere = kind === 'directory' ? !this.#made.has(path) : inPlace && !this.#hasMoves;
    return wasThere ? { conflict: path, why: isGone } : undefined;
  }

  /** Of an emptied directory, what is in it was removed; unless it is another one, made since by a job that needs it too. */
  async #ofDirectory(
    { path }: LeftRecord,
    there: Stats,
    parent: RealDirectory,
  ): Promise<Conflict | undefined> {
    if (!this.#plan.emptied.has(path) || there.birthtimeNs >= this.#startedNs) return undefined;
    if (this.#isElsewhere(path)) return { conflict: path, why: isAnother };
    for (const name of await namesIn(parent.at(baseName(path)))) {
      const inner = joinPath(path, name);
      if (this.#staging.isOwn(name) || this.#recorded.has(inner)) continue;
      const conflict = await this.#below(inner);
      if (conflict !== undefined) return conflict;
      this.superseded.push(inner);
    }
    return undefined;
  }

  /** A directory that goes with all below. */
  async #ofTree(path: ByteString, parent: RealDirectory): Promise<Conflict | undefined> {
    for (const name of await namesIn(parent.at(baseName(path)))) {
      const conflict = await this.#below(joinPath(path, name));
      if (conflict !== undefined) return conflict;
    }
    return undefined;
  }

  async #below(path: ByteString): Promise<Conflict | undefined> {
    const parent = await RealDirectory.open(parentOf(path));
    if (parent === undefined) return undefined;
    try {
      const there = await parent.look(baseName(path));
      if (there === undefined) return undefined;
      const conflict = conflictOf(path, whyNotReplaced(thereNow(there), this.#startedNs));
      return conflict ?? (there.isDirectory() ? await this.#ofTree(path, parent) : undefined);
    } finally {
      parent.close();
    }
  }
}

function conflictOf(path: ByteString, why: string | undefined): Conflict | undefined {
  return why === undefined ? undefined : { conflict: path, why };
}

function thereNow(stats: Stats): ThereNow {
  const { ctimeNs, nlink, uid } = stats;
  return { ctimeNs, nlink, uid, isDirectory: stats.isDirectory() };
}

function ownUid(): bigint {
  return BigInt(process.geteuid?.() ?? 0);
}

async function namesIn(directory: Buffer): Promise<ByteString[]> {
  return (await readdir(directory, { encoding: 'buffer' })).map(fromBytes);
}
