/**
 * What the kernel of the file server's own machine tells of changes, as swarmtree does by inotify: of inodes that are watched, by
 * the paths at which they were looked at, once somebody asks.
 */
import { isBelow } from '../../../src/core/paths.ts';
import type { HeldLooks, ToldChanges } from '../../../src/core/view/contract.ts';
import { Dice } from './dice.ts';
import type { Inode, ServerTree } from './server.ts';

type Change = ToldChanges['changes'][number];

export class Watch {
  readonly #tree: ServerTree;
  readonly dice: Dice;
  /** By path, what was there when it was looked at last. */
  readonly #places = new Map<string, number>();
  /** Not taken in yet. */
  #events: { readonly id: number; readonly name: string | undefined }[] = [];
  #changes: Change[] = [];
  #everything = false;
  #generation = 1;

  constructor(tree: ServerTree, seed: number) {
    this.#tree = tree;
    this.dice = new Dice(seed);
    tree.onChange = (inode, name) => this.#changed(inode, name);
  }

  /** Watches paths and all on the way to them, before they are looked at. */
  look(paths: readonly string[]): HeldLooks {
    this.#drain();
    const held = paths.filter((path) => this.#watch(path));
    return { generation: this.#generation, paths: new Set(held) };
  }

  /** All that changed before this call. */
  barrier(): ToldChanges {
    this.#drain();
    const told = { generation: this.#generation, changes: this.#changes, everything: this.#everything };
    this.#changes = [];
    this.#everything = false;
    return told;
  }

  #watch(path: string): boolean {
    let at: Inode | undefined = this.#tree.root;
    this.#places.set('', at.id);
    for (let start = 1; start < path.length; ) {
      if (at.kind !== 'directory') return false;
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      at = this.#tree.child(at, path.slice(start, end));
      // The last one may be missing: its directory is watched.
      if (at === undefined) return end === path.length;
      this.#places.set(path.slice(0, end), at.id);
      start = end + 1;
    }
    return true;
  }

  #changed({ id }: Inode, name: string | undefined): void {
    for (const place of this.#places.values()) {
      if (place !== id) continue;
      this.#events.push({ id, name });
      return;
    }
  }

  #drain(): void {
    if (this.#events.length === 0) return;
    this.#generation += 1;
    if (this.dice.chance(0.02)) {
      this.#everything = true;
      this.#places.clear();
    }
    for (const { id, name } of this.#events.splice(0))
      for (const [path, place] of this.#places) {
        if (place !== id) continue;
        this.#changes.push(
          name === undefined ? { kind: 'node', path } : { kind: 'name', path: `${path}/${name}` },
        );
        if (name !== undefined) this.#forget(`${path}/${name}`);
      }
  }

  #forget(path: string): void {
    for (const place of this.#places.keys()) if (isBelow(path, place)) this.#places.delete(place);
  }
}
