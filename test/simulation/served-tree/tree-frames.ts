/** What swarmfs asks swarmtree, and what comes back. */
import type { ChangesPart, TreePath } from '../../../src/core/tree/contract.ts';
import type { Attributes } from './disk.ts';

export interface TreeEntry {
  readonly name: string;
  /** Undefined: it is absent. */
  readonly attributes: Attributes | undefined;
  readonly target: string;
}

export type TreeAnswer =
  | {
      readonly type: 'manifest';
      readonly path: string;
      readonly generation: number;
      readonly isLook: boolean;
      readonly isWhole: boolean;
      readonly hasFailed: boolean;
      readonly isEventless: boolean;
      readonly attributes: Attributes | undefined;
      readonly entries: readonly TreeEntry[];
    }
  | {
      readonly type: 'content';
      readonly path: string;
      readonly generation: number;
      readonly outcome: 'same' | 'changed' | 'failed';
      readonly isSettled: boolean;
      readonly attributes: Attributes | undefined;
      readonly content: number;
    };

export type TreeRequest =
  | { readonly type: 'list'; readonly path: string; readonly isWhole: boolean; readonly hint: string }
  | { readonly type: 'look'; readonly path: string; readonly name: string }
  | {
      readonly type: 'read';
      readonly path: string;
      readonly piece: number /** Undefined: whatever it is. */;
      readonly expected: Attributes | undefined;
    };

/** What a barrier tells, with what some of it was seen to be. */
export interface ToldPart extends ChangesPart {
  /** Of each change, in their order; undefined: it was not looked at. */
  readonly seen: readonly (TreeEntry | undefined)[];
  /** Directories in which names changed: those above them, and what they are now. */
  readonly times: readonly { readonly directory: TreePath; readonly entry: TreeEntry }[];
}
