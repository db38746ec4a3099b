/**
 * A worker's kernel as far as it caches a tree of FUSE: names, present or absent, attributes, links, contents and listings,
 * all without an end. It takes the lock of a directory to look a name up, and to forget one, so that neither comes in
 * between the other; the same holds of pages. (Measured on 6.1 and 6.18: tree-torture.test.ts plays with real ones.)
 */
import type { Attributes } from './disk.ts';
import type { Found, KernelCaches, Node } from './fs-node.ts';
import { type Process, type Stage, Word } from './stage.ts';
import type { SwarmFs } from './swarmfs.ts';

/** What a job saw of a path. */
export interface Access {
  readonly path: string;
  readonly what: 'name' | 'attributes' | 'names' | number;
  readonly saw: string | Attributes;
  /** The change at which it saw that, or before. */
  readonly change: number;
}

const tries = 3;
const mostLinks = 8;

/** Something failed that does not at home. */
export class AccessError extends Error {}

export class Kernel implements KernelCaches {
  readonly #stage: Stage;
  readonly #names = new Map<Node, Map<string, Found<Node | undefined>>>();
  readonly #attributes = new Map<Node, Attributes>();
  readonly #pages = new Map<Node, Map<number, number>>();
  readonly #listings = new Map<Node, readonly string[]>();
  /** What is open, or asked about, and how often: these are not evicted. */
  readonly #open = new Map<Node, number>();
  fs: SwarmFs | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  open(node: Node): void {
    this.#open.set(node, (this.#open.get(node) ?? 0) + 1);
  }

  close(node: Node): void {
    const left = (this.#open.get(node) ?? 0) - 1;
    if (left > 0) this.#open.set(node, left);
    else this.#open.delete(node);
  }

  dropName(parent: Node, name: string): void {
    this.#names.get(parent)?.delete(name);
    this.#listings.delete(parent);
    this.#attributes.delete(parent);
  }

  dropNode(node: Node): void {
    this.#attributes.delete(node);
    this.#pages.delete(node);
    this.#listings.delete(node);
  }

  /** Memory is short. */
  evict(): void {
    const { dice } = this.#stage;
    for (const [parent, names] of this.#names)
      for (const [name, found] of names) {
        if (!dice.chance(0.3)) continue;
        const node = found.kind === 'error' ? undefined : found.value;
        // A directory stays as long as one of its names does.
        if (node !== undefined && ((this.#names.get(node)?.size ?? 0) > 0 || this.#open.has(node))) continue;
        names.delete(name);
        if (node === undefined || node === parent) continue;
        this.#attributes.delete(node);
        this.#pages.delete(node);
        this.fs?.forget(node);
      }
  }

  /** What it has in its cache of a name. */
  known(parent: Node, name: string): Found<Node | undefined> | undefined {
    return this.#names.get(parent)?.get(name);
  }

  *lookup(parent: Node, name: string, job: string): Process<Found<Node | undefined>> {
    return yield* this.#ask<Node | undefined>(parent, (fs, say) =>
      fs.lookup(parent, name, job, (found) => {
        if (found.kind === 'found') {
          const known = this.#names.get(parent) ?? new Map<string, Found<Node | undefined>>();
          this.#names.set(parent, known.set(name, found));
          const attributes = found.value?.attributes;
          if (found.value !== undefined && attributes !== undefined)
            this.#attributes.set(found.value, attributes);
        }
        say(found);
      }),
    );
  }

  *stat(node: Node, job: string): Process<Found<Attributes>> {
    const known = this.#attributes.get(node);
    if (known !== undefined) return { kind: 'found', value: known };
    return yield* this.#ask<Attributes>(node, (fs, say) =>
      fs.attributes(node, job, (found) => {
        if (found.kind === 'found') this.#attributes.set(node, found.value);
        say(found);
      }),
    );
  }

  *read(node: Node, piece: number, job: string): Process<Found<number>> {
    const known = this.#pages.get(node)?.get(piece);
    if (known !== undefined) return { kind: 'found', value: known };
    return yield* this.#ask<number>(node, (fs, say) =>
      fs.read(node, piece, job, (found) => {
        if (found.kind === 'found') {
          const pages = this.#pages.get(node) ?? new Map<number, number>();
          this.#pages.set(node, pages.set(piece, found.value));
        }
        say(found);
      }),
    );
  }

  *names(node: Node, job: string): Process<Found<readonly string[]>> {
    const known = this.#listings.get(node);
    if (known !== undefined) return { kind: 'found', value: known };
    return yield* this.#ask<readonly string[]>(node, (fs, say) =>
      fs.names(node, job, (found) => {
        if (found.kind === 'found') this.#listings.set(node, found.value);
        say(found);
      }),
    );
  }

  *#ask<Value>(
    node: Node,
    ask: (fs: SwarmFs, say: (found: Found<Value>) => void) => void,
  ): Process<Found<Value>> {
    const answered = new Word<Found<Value>>(this.#stage);
    if (this.fs === undefined) throw new Error('internal: a kernel without swarmfs');
    this.open(node);
    ask(this.fs, (found) => answered.say(found));
    const found = yield* answered.wait();
    this.close(node);
    return found;
  }
}

/** What one job does in the tree, as it is told by its kernel. */
export class JobEyes {
  readonly accesses: Access[] = [];
  readonly #kernel: Kernel;
  readonly #root: Node;
  readonly #job: string;
  readonly #stage: Stage;
  readonly #change: () => number;

  constructor(stage: Stage, kernel: Kernel, root: Node, job: string, change: () => number) {
    this.#stage = stage;
    this.#kernel = kernel;
    this.#root = root;
    this.#job = job;
    this.#change = change;
  }

  /** lstat; undefined: it is absent. */
  *stat(path: string): Process<Attributes | undefined> {
    return yield* this.#retried<Attributes | undefined>(function* (this: JobEyes) {
      const found = yield* this.#walk(path, false);
      if (found === 'error') return { kind: 'error' };
      if (found === undefined) return { kind: 'found', value: undefined };
      const attributes = yield* this.#kernel.stat(found.node, this.#job);
      if (attributes.kind === 'found') this.#saw(found.path, 'attributes', attributes.value);
      return attributes;
    });
  }

  /** Opens and reads it; undefined: there is no such file. Links are followed. */
  *read(path: string): Process<{ readonly path: string; readonly pieces: readonly number[] } | undefined> {
    const found = yield* this.#retried(function* (this: JobEyes) {
      const walked = yield* this.#walk(path, true);
      return walked === 'error' ? { kind: 'error' } : { kind: 'found', value: walked };
    });
    if (found?.node.attributes?.kind !== 'file') return undefined;
    this.#kernel.open(found.node);
    try {
      return { path: found.path, pieces: yield* this.#pieces(found) };
    } finally {
      this.#kernel.close(found.node);
    }
  }

  *#pieces({ path, node }: { readonly path: string; readonly node: Node }): Process<readonly number[]> {
    const pieces: number[] = [];
    for (let piece = 0; piece < piecesOf(path); piece++) {
      yield this.#moment();
      const read = yield* this.#kernel.read(node, piece, this.#job);
      // A read that fails is not tried again.
      if (read.kind === 'error') throw new AccessError(`${path} is not read`);
      this.#saw(path, piece, String(read.value));
      pieces.push(read.value);
    }
    return pieces;
  }

  *list(path: string): Process {
    yield* this.#retried<readonly string[] | undefined>(function* (this: JobEyes) {
      const found = yield* this.#walk(path, true);
      if (found === 'error') return { kind: 'error' };
      if (found?.node.attributes?.kind !== 'directory') return { kind: 'found', value: undefined };
      const names = yield* this.#kernel.names(found.node, this.#job);
      // Of a directory that is no more, nothing is listed; at home too.
      if (names.kind === 'found' && !found.node.isDetached)
        this.#saw(found.path, 'names', names.value.toSorted().join(' '));
      return names;
    });
  }

  *#retried<Value>(act: (this: JobEyes) => Process<Found<Value>>): Process<Value> {
    for (let left = tries; left > 0; left--) {
      yield this.#moment();
      const found = yield* act.call(this);
      if (found.kind === 'found') return found.value;
    }
    throw new AccessError('a name leads nowhere');
  }

  *#walk(
    path: string,
    follows: boolean,
    links = 0,
  ): Process<{ readonly path: string; readonly node: Node } | 'error' | undefined> {
    let node = this.#root;
    let way = '';
    const parts = path.split('/').slice(1);
    for (const [place, name] of parts.entries()) {
      const known = this.#kernel.known(node, name);
      const found = known ?? (yield* this.#kernel.lookup(node, name, this.#job));
      if (found.kind === 'error') return 'error';
      const { value: next } = found;
      const target = next?.target ?? '';
      this.#saw(
        `${way}/${name}`,
        'name',
        next === undefined ? 'absent' : `${next.attributes?.inode} ${target}`,
      );
      if (next === undefined) return undefined;
      const isLast = place === parts.length - 1;
      if (target !== '' && (follows || !isLast)) {
        if (links > mostLinks) return undefined;
        const rest = [`${way}/${target}`, ...parts.slice(place + 1)].join('/');
        return yield* this.#walk(rest, follows, links + 1);
      }
      if (!isLast && next.attributes?.kind !== 'directory') return undefined;
      node = next;
      way = `${way}/${name}`;
      if (this.#stage.dice.chance(0.05)) yield this.#moment();
    }
    return { path: way, node };
  }

  #moment(): number {
    const { dice } = this.#stage;
    return dice.chance(0.3) ? dice.delay(2) : 0;
  }

  #saw(path: string, what: Access['what'], saw: Access['saw']): void {
    this.accesses.push({ path, what, saw, change: this.#change() });
  }
}

/** Long ones are read by pieces. */
export function piecesOf(path: string): number {
  return path.endsWith('.big') ? 2 : 1;
}
