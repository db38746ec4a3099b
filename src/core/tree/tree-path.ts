/** Paths as the helpers of a served tree take them (docs/TREE-PROTOCOL.md). */
import { mayBePath } from '../paths.ts';

/** Whether a resolved path is one below the root: a helper that is told of any other ends, and its tree with it. */
export function isTreePath(path: string): boolean {
  return path.startsWith('/') && path.length > 1 && mayBePath(path);
}
