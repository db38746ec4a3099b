/** What the machines of a served tree are told, and what they want done. */

/** Absolute, without a link; empty for the root. */
export type TreePath = string;

/** What its name leads to changed; its attributes or content did; all that was told of a directory is void. */
export interface TreeChange {
  readonly kind: 'name' | 'node' | 'listing';
  readonly directory: TreePath;
  /** Empty: the directory itself. */
  readonly name: string;
}

/** One part of what a barrier tells. */
export interface ChangesPart {
  readonly generation: number;
  /** Changes were lost: nothing that was ever told is known to hold. */
  readonly everything: boolean;
  readonly changes: readonly TreeChange[];
}

/** One mount of the tree on a worker, from the opening of its stream to its end. Never used again. */
export type SessionId = number;

/** Something that waits for a barrier. */
export type TicketId = number;

export type ShownTreeEvent =
  /** The stream to a worker was opened; what is told from now on goes to it. */
  | { readonly type: 'opened'; readonly session: SessionId }
  | { readonly type: 'over'; readonly session: SessionId }
  /** The worker asks for a file's content, or is sent it unasked. */
  | { readonly type: 'given'; readonly session: SessionId; readonly path: TreePath }
  /**
   * A directory was told to somebody. `eventless`: what changes in it raises no event; `folded`: it finds names by other letters
   * than it lists them by, too.
   */
  | {
      readonly type: 'listed';
      readonly path: TreePath;
      readonly eventless: boolean;
      readonly folded?: boolean;
    }
  /** A job is about to be offered, or judged: what changed until now must be known. */
  | { readonly type: 'barrier-wanted'; readonly ticket: TicketId }
  /** swarmtree has answered a `drain`. */
  | { readonly type: 'drained'; readonly parts: readonly ChangesPart[] }
  | { readonly type: 'drain-failed'; readonly why: string };

export type ShownTreeAction =
  /** swarmtree shall look at these again and then say what has changed: `drained` or `drain-failed` follows. */
  | { readonly type: 'drain'; readonly compare: readonly TreePath[] }
  /** What was just drained, as it came, goes to these workers, before anything that is sent later. */
  | { readonly type: 'tell'; readonly sessions: readonly SessionId[] }
  /** All that changed before these were wanted is in the generation. */
  | { readonly type: 'passed'; readonly tickets: readonly TicketId[]; readonly generation: number }
  | { readonly type: 'failed'; readonly tickets: readonly TicketId[]; readonly why: string };

/** What a worker asks of a submitter's files; paths are real ones, empty for the root. */
export type TreeAsk =
  /** What a path leads to, or that nothing is there. */
  | { readonly kind: 'name'; readonly path: string }
  /** All names in a directory. */
  | { readonly kind: 'list'; readonly path: string }
  /** A file's content: whole up to 1 MiB, else the piece of 256 KiB of that number. */
  | {
      readonly kind: 'read';
      readonly path: string;
      readonly piece: number;
      readonly sizeBytes: number;
    };
