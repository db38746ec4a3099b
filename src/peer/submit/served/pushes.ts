/**
 * Contents that a worker is sent before it asks for them: a source that was written or edited just now is what nearly every job
 * brings along, and to ask for it takes a worker longer than all else that it asks for.
 */
import { BoundedMap } from '../../../core/bounded-map.ts';
import { isTreePath } from '../../../core/tree/tree-path.ts';
import type { TreeServer } from '../../../tree/tree-server.ts';
import type { ByteString } from '../../../wire/bytes.ts';
import { encodePushedRead, parseTreeContentHead } from '../../../wire/tree-content-messages.ts';
import type { TreePath } from '../../../wire/tree-messages.ts';

/** A longer one is asked for by the worker, which may have most of it. */
const mostBytes = 64 * 1024;
/** Of one job. */
const mostSources = 4;
/** Files of which is remembered what a worker was sent. */
const mostRemembered = 10_000;

/** Those of one worker, as long as it has the tree. */
export class Pushes {
  readonly #server: Pick<TreeServer, 'relay'>;
  /** By path: the hash of what was read for it last; empty: more than is sent. */
  readonly #known = new BoundedMap<TreePath, ByteString>(mostRemembered);

  constructor(server: Pick<TreeServer, 'relay'>) {
    this.#server = server;
  }

  /**
   * Has these read.
   *
   * @returns by path TREE_CONTENT messages, as they come: what is as it was read before does not.
   */
  read(sources: readonly TreePath[]): ReadonlyMap<TreePath, Uint8Array> {
    const known = this.#known;
    const contents = new Map<TreePath, Uint8Array>();
    for (const path of sources.slice(0, mostSources)) {
      const candidate = known.use(path);
      if (candidate === '' || !isTreePath(path)) continue;
      const request = encodePushedRead({ path, sizeBytes: mostBytes, candidate });
      this.#server.relay('TREE_READ', request, (type, payload) => {
        if (type !== 'TREE_CONTENT') return;
        const { content, hash } = parseTreeContentHead(payload);
        if (content === 'part') known.set(path, '');
        if (content !== 'whole') return;
        known.set(path, hash);
        contents.set(path, payload);
      });
    }
    return contents;
  }
}
