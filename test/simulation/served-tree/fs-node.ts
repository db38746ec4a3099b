/** What swarmfs knows of a name in the tree, and what it is to the kernel. */
import type { Attributes } from './disk.ts';

type State = 'unknown' | 'present' | 'absent';

/** A name that was told, or asked for. */
export interface Node {
  readonly id: number;
  readonly name: string;
  parent: Node | undefined;
  state: State;
  isDetached: boolean;
  /** The attributes may have changed. */
  isUnsure: boolean;
  isAsked: boolean;
  /** Answers older than this do not count. */
  invalid: number;
  /** Generation of the newest answer that told of it, or of a name in it. */
  told: number;
  attributes: Attributes | undefined;
  target: string;
  listing: 'unknown' | 'partial' | 'whole';
  /** 0: nothing is asked; 1: around a name; 2: whole. */
  listAsked: number;
  readonly children: Map<string, Node>;
  /** By piece. */
  content: Map<number, number>;
  readonly piecesAsked: Set<number>;
  tries: number;
  waiting: Waiting[];
  /** The kernel has it. */
  isKnown: boolean;
}

interface Waiting {
  readonly job: string;
  /** The kernel looks a name up again. */
  readonly isRetried: boolean;
  readonly again: () => void;
  readonly fail: () => void;
}

/** What a request of the kernel comes to. */
export type Found<Value> = { readonly kind: 'found'; readonly value: Value } | { readonly kind: 'error' };

export interface KernelCaches {
  /** Forgets what a name leads to. */
  dropName(parent: Node, name: string): void;
  /** Forgets attributes, content and listing. */
  dropNode(node: Node): void;
}
