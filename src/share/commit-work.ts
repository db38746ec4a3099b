/** What is done with outputs under hidden names in one call, and what came of it. Plain data. */
import type { Fact } from '../core/fact.ts';
import type { Enough } from '../core/view/outputs.ts';
import type { OutputRole } from './obstacles.ts';

export interface Expectation extends Enough {
  /** Byte strings, absolute. */
  readonly paths: readonly string[];
  /** What another machine sees of each. */
  readonly facts: readonly Fact[];
}

/** What is not seen as expected. */
export interface Unseen {
  readonly path: string;
  readonly seen: Fact;
}

export interface Renaming {
  readonly hidden: string;
  readonly path: string;
  readonly role: OutputRole;
}
export type RenameFailure = { readonly path: string; readonly code: string; readonly message: string };

export interface CommitRequest {
  /** In this order. */
  readonly outputs: readonly Renaming[];
  /** What is to be seen of all hidden names before any is renamed. */
  readonly expected: Expectation;
  /** Hidden names that are removed when all is renamed. */
  readonly unwanted: readonly string[];
}

export type Committed =
  | { readonly unseen: readonly Unseen[] }
  | { readonly unseen?: undefined; readonly renamed: number; readonly failure?: RenameFailure };
