/** Names outside the share that a job looked up, and how. */

/**
 * How an answer about a name outside the share is told, so that two machines can compare theirs.
 * - `content`: what it contains, or that it is absent; of a directory, where it really is.
 * - `link`: the same, but of a link its target.
 * - `place`: where it really is, or that it is absent.
 * - `names`: the names in it.
 */
export const outsideLooks = ['content', 'link', 'place', 'names'] as const;
export type OutsideLook = (typeof outsideLooks)[number];

export interface OutsideName {
  /** Absolute, as it was looked up: `..` is left in it. */
  readonly path: string;
  readonly look: OutsideLook;
}

/** With what showed it when it was looked at: an answer holds as long as that is the same. */
export interface StampedName {
  readonly name: OutsideName;
  readonly stamp: string;
}
