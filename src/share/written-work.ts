/** What is done with the files that a served job wrote, in one call of a disk thread, and what came of it. Plain data. */
import type { ByteString } from '../wire/bytes.ts';

export interface FileTime {
  readonly timeNs: bigint;
  /** Set on purpose, so to be kept to the nanosecond. */
  readonly isChosen: boolean;
}

/** Of what is made here no set-id bits: see core/tree/commit-plan.ts. */
export const fileModeBits = 0o1777;

/** Names that one attempt gives to what is to get its real name later. */
export interface AttemptNames {
  /** Every name of this attempt begins with it, and no name of any other. */
  readonly prefix: string;
  /** File to which directories are added before a name is made in them; undefined: it cannot be kept. */
  readonly journal: string | undefined;
  /** Directories that are in it already, of those that may be needed. */
  readonly known: readonly ByteString[];
}

/** What lies under a hidden name. */
export interface Staged {
  /** Place in the job's report. */
  readonly record: number;
  readonly directory: ByteString;
  readonly name: string;
}

/** A part of what is put under hidden names, in the order of the report. */
export type StageStep = {
  readonly record: number;
  /** What it will be called. */
  readonly path: ByteString;
} & (
  | {
      readonly kind: 'file';
      readonly pieces: readonly Uint8Array[];
      /** Nothing of it has been written before. */
      readonly begins: boolean;
      /** Nothing of it follows: it gets its mode and time. */
      readonly end: { readonly mode: number; readonly time: FileTime } | undefined;
    }
  /** Another name of a file. @param first - that file's place in the report. */
  | { readonly kind: 'name'; readonly first: number }
  | { readonly kind: 'link'; readonly target: ByteString; readonly time: FileTime }
  | { readonly kind: 'fifo'; readonly mode: number; readonly time: FileTime }
);

/** A name that the job made, changed or removed. */
export interface WrittenEntry {
  readonly record: number;
  readonly path: ByteString;
  readonly kind: 'file' | 'directory' | 'link' | 'removed' | 'special';
  readonly inPlace: boolean;
  /** Another name of an earlier file. */
  readonly isOther: boolean;
  readonly mode: number;
  readonly time: FileTime;
}

/** A plan of core/tree/commit-plan.ts. */
export interface CommitOrder {
  readonly directories: readonly WrittenEntry[];
  readonly entries: readonly WrittenEntry[];
  readonly removals: readonly WrittenEntry[];
  readonly emptied: ReadonlySet<ByteString>;
  /** When the job was handed in or later, before it could see anything: by Date.now(). */
  readonly startedAtMs: number;
  /** Paths at which what is there now is not what the job could see. */
  readonly elsewhere: ReadonlySet<ByteString>;
}

export interface WrittenWork {
  /** Real paths: what the job may write below. */
  readonly areas: readonly ByteString[];
  readonly names: AttemptNames;
  /** By earlier calls. */
  readonly staged: readonly Staged[];
  /** When directories that were there had last been changed, before anything was made in them: of earlier calls. */
  readonly timesBefore: ReadonlyMap<ByteString, bigint>;
  /** Directories of which that is to be noted, before anything else. */
  readonly note: readonly ByteString[];
  readonly steps: readonly StageStep[];
  /** After the steps: all that is staged gets its real name. */
  readonly commit: CommitOrder | undefined;
  /** An Int32 that is not 0 once nobody waits for this any more: nothing more is done then. */
  readonly halt: SharedArrayBuffer;
}

export type CommitResult =
  | { readonly committed: true }
  /** `why` ends a sentence that begins with the path. */
  | { readonly conflict: ByteString; readonly why: string };

export interface WrittenDone {
  /** All that lies under hidden names now; after a commit or a failure nothing does. */
  readonly staged: readonly Staged[];
  readonly timesBefore: ReadonlyMap<ByteString, bigint>;
  /** Directories that are in the journal since. */
  readonly noted: readonly ByteString[];
  /** What could not be written, and why, in words of the file system. */
  readonly failure: { readonly path: ByteString; readonly why: string } | undefined;
  /** Of the commit, if one was asked for and nothing failed. */
  readonly result: CommitResult | undefined;
}
