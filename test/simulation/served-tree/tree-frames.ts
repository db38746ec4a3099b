/** What swarmfs asks swarmtree, and what comes back. */
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
  | { readonly type: 'read'; readonly path: string; readonly piece: number; readonly expected: Attributes };
