/** A tree of files in memory whose changes are told as swarmtree tells them, for histories by chance. */
import { nextInteger, nextRandom, type RandomState } from '../../src/core/random.ts';
import type { ToldChanges } from '../../src/core/view/contract.ts';
import type { OutsideLook } from '../../src/core/view/outside-name.ts';

type Change = ToldChanges['changes'][number];

interface Inode {
  readonly id: number;
  readonly kind: 'file' | 'directory' | 'link';
  readonly target: string;
  readonly entries: Map<string, Inode>;
  version: number;
}

const names = ['a', 'b', 'c'] as const;
const targets = ['a', '../b', '/a/b', '/c', '.', 'b/c', '../..', '/b/a/c', 's', '/b/s'] as const;

export class ToldFiles {
  readonly #random: RandomState;
  readonly #root: Inode;
  #ids = 0;
  /** By the path at which each was watched. */
  readonly #watched = new Map<string, Inode>();
  #queue: Change[] = [];

  constructor(random: RandomState) {
    this.#random = random;
    this.#root = this.#make('directory');
    for (let n = 0; n < 25; n += 1) this.change();
    this.#queue = [];
  }

  /** What a look with a watch finds, of a path without links on its way; and whether it tells: nothing below an `s` does. */
  watch(path: string): { readonly kind: Inode['kind'] | 'absent'; readonly tells: boolean } {
    let at: Inode | undefined = this.#root;
    this.#watched.set('', at);
    const way = path.split('/').slice(1);
    for (const [depth, name] of way.entries()) {
      at = at.entries.get(name);
      if (at === undefined)
        return { kind: 'absent', tells: depth === way.length - 1 && !/\/s(?:\/|$)/.test(path) };
      if (at.kind !== 'link') this.#watched.set(`/${way.slice(0, depth + 1).join('/')}`, at);
      if (at.kind !== 'directory' && depth < way.length - 1) return { kind: 'absent', tells: false };
    }
    return { kind: at.kind, tells: !/\/s(?:\/|$)/.test(path) };
  }

  look(path: string): { readonly kind: Inode['kind'] | 'absent'; readonly target: string | undefined } {
    const found = this.#at(path);
    return { kind: found?.kind ?? 'absent', target: found?.kind === 'link' ? found.target : undefined };
  }

  /** What a program would see. */
  stampOf(look: OutsideLook, path: string): string {
    const [real, inode] = this.#resolve(path);
    if (look === 'place') return inode === undefined ? '' : real;
    const own = look === 'link' ? `${this.#resolve(path, false)[1]?.id}` : '';
    if (inode === undefined) return own;
    if (inode.kind === 'file') return `${own} ${inode.id} ${inode.version}`;
    const listed = [...inode.entries].map(([name, { id }]) => `${name}${id}`).toSorted();
    return look === 'names' ? `${real} ${listed.join()}` : `${own} ${real}`;
  }

  /** Some change, by chance. */
  change(): void {
    const path = this.#somePath();
    const parent = this.#at(path.slice(0, path.lastIndexOf('/')));
    if (parent?.kind !== 'directory') return;
    const name = path.slice(path.lastIndexOf('/') + 1);
    const there = parent.entries.get(name);
    const what = nextRandom(this.#random);
    if (there?.kind === 'file' && what < 0.4) {
      there.version += 1;
      this.#tell(path, there, 'node');
    } else if (there !== undefined && what < 0.5) this.#remove(parent, name, path);
    else if (there !== undefined && what < 0.75) this.#move(parent, name, path);
    else {
      const kind = (['file', 'directory', 'directory', 'link'] as const)[nextInteger(this.#random, 4)];
      if (there !== undefined) this.#remove(parent, name, path);
      parent.entries.set(name, this.#make(kind ?? 'file'));
      this.#tellName(path);
    }
  }

  /** What was not told before. */
  hear(): Change[] {
    const told = this.#queue;
    this.#queue = [];
    return told;
  }

  somePath(): string {
    let path = '';
    const depth = 1 + nextInteger(this.#random, 4);
    for (let n = 0; n < depth; n += 1)
      path += `/${nextInteger(this.#random, 8) === 0 ? '..' : this.#someName()}`;
    return nextInteger(this.#random, 8) === 0 ? `${path}/.` : path;
  }

  #somePath(): string {
    let path = '';
    const depth = 1 + nextInteger(this.#random, 3);
    for (let n = 0; n < depth; n += 1) path += `/${this.#someName()}`;
    return path;
  }

  #someName(): string {
    return nextInteger(this.#random, 10) === 0
      ? 's'
      : (names[nextInteger(this.#random, names.length)] ?? 'a');
  }

  #make(kind: Inode['kind']): Inode {
    this.#ids += 1;
    const target = targets[nextInteger(this.#random, targets.length)] ?? 'a';
    return { id: this.#ids, kind, target, entries: new Map(), version: 0 };
  }

  #move(parent: Inode, name: string, path: string): void {
    const moved = parent.entries.get(name);
    const to = this.#somePath();
    const other = this.#at(to.slice(0, to.lastIndexOf('/')));
    if (moved === undefined || other?.kind !== 'directory' || `${to}/`.startsWith(`${path}/`)) return;
    const toName = to.slice(to.lastIndexOf('/') + 1);
    if (other.entries.has(toName)) this.#remove(other, toName, to);
    if (parent.entries.get(name) !== moved || this.#at(to.slice(0, to.lastIndexOf('/'))) !== other) return;
    parent.entries.delete(name);
    other.entries.set(toName, moved);
    this.#tellName(path);
    this.#tellName(to);
    this.#tellGone(moved);
  }

  #remove(parent: Inode, name: string, path: string): void {
    const removed = parent.entries.get(name);
    parent.entries.delete(name);
    this.#tellName(path);
    const all = [removed];
    for (const each of all) {
      if (each === undefined) continue;
      this.#tellGone(each);
      all.push(...each.entries.values());
    }
  }

  /** Of a place in which names are watched. */
  #tellName(path: string): void {
    const directory = path.slice(0, path.lastIndexOf('/'));
    if (this.#watched.get(directory) !== this.#at(directory)) return;
    this.#queue.push({ kind: 'name', path });
    for (const place of this.#watched.keys())
      if (`${place}/`.startsWith(`${path}/`)) this.#watched.delete(place);
  }

  #tellGone(inode: Inode): void {
    for (const [place, watched] of this.#watched)
      if (watched === inode) {
        this.#queue.push({ kind: 'name', path: place });
        this.#watched.delete(place);
      }
  }

  #tell(path: string, inode: Inode, kind: Change['kind']): void {
    const directory = path.slice(0, path.lastIndexOf('/'));
    const isTold = this.#watched.get(directory) === this.#at(directory);
    if (isTold) this.#queue.push({ kind, path });
    for (const [place, watched] of this.#watched)
      if (watched === inode) this.#queue.push({ kind, path: place });
  }

  #at(path: string): Inode | undefined {
    let at: Inode | undefined = this.#root;
    for (const name of path.split('/').slice(1))
      at = at?.kind === 'directory' ? at.entries.get(name) : undefined;
    return at;
  }

  #resolve(path: string, follows = true): readonly [real: string, inode: Inode | undefined] {
    let at = '';
    let links = 0;
    const rest = path.split('/').toReversed();
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      const directory = this.#at(at);
      if (directory?.kind !== 'directory') return ['', undefined];
      if (name === '' || name === '.') continue;
      if (name === '..') {
        at = at.slice(0, at.lastIndexOf('/'));
        continue;
      }
      const found = directory.entries.get(name);
      if (found === undefined) return ['', undefined];
      if (found.kind === 'link' && (follows || rest.length > 0)) {
        links += 1;
        if (links > 40) return ['', undefined];
        if (found.target.startsWith('/')) at = '';
        rest.push(...found.target.split('/').toReversed());
        continue;
      }
      at = `${at}/${name}`;
    }
    return [at, this.#at(at)];
  }
}
