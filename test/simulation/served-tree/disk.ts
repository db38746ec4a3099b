/**
 * The submitter's file system, with all that it ever was: every change has a number, and what a path was at each number can
 * be asked. Events go to inotify as Linux sends them: those of a name to whoever watches its directory, those of a
 * file to whoever watches that, by whatever name it is reached. Times of changes are those of a coarse clock.
 */
import type { EventKind, Watches } from './inotify.ts';
import type { Stage } from './stage.ts';

export type Kind = 'file' | 'directory' | 'link';

/** As lstat tells. */
export interface Attributes {
  readonly inode: number;
  readonly kind: Kind;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly links: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

export interface Version<Value> {
  readonly from: number;
  readonly value: Value;
}

/** Of a file: what each of its pieces holds. */
export type Pieces = readonly number[];

export interface Inode {
  readonly id: number;
  readonly kind: Kind;
  readonly target: string;
  readonly entries: Map<string, Version<Inode | undefined>[]>;
  readonly content: Version<Pieces>[];
  readonly attributes: Version<Attributes>[];
  links: number;
  /** Another name was made for it after it was told of: attributes that are told of other names raise no event. */
  isLinkedLate: boolean;
  isTold: boolean;
}

/** How coarse the clock of the file system is. */
const coarseMs = 4;
const fineMs = 0.000_1;

export function at<Value>(
  versions: readonly Version<Value>[] | undefined,
  change: number,
): Value | undefined {
  for (let place = (versions?.length ?? 0) - 1; place >= 0; place--) {
    const version = versions?.[place];
    if (version !== undefined && version.from <= change) return version.value;
  }
  return undefined;
}

function now<Value>(versions: readonly Version<Value>[] | undefined): Value | undefined {
  return versions?.at(-1)?.value;
}

/** All that lstat tells. */
export function isEqual(one: Attributes, other: Attributes): boolean {
  if (one === other) return true;
  const names = Object.keys(one) as (keyof Attributes)[];
  return names.every((name) => one[name] === other[name]);
}

export function split(path: string): { readonly directory: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, slash), name: path.slice(slash + 1) };
}

export class Disk {
  /** Number of the last change. */
  change = 0;
  readonly root: Inode;
  readonly watchers = new Set<Watches>();
  readonly #stage: Stage;
  readonly #tickMs: number;
  #lastInode = 0;
  #lastContent = 0;

  /** @param isFine - its clock tells any two changes apart. */
  constructor(stage: Stage, isFine: boolean) {
    this.#stage = stage;
    this.#tickMs = isFine ? fineMs : coarseMs;
    this.root = this.#make('directory', '');
    this.change = 1;
  }

  // ---- Looking ----

  /** Without following links. The root is the empty path. */
  inodeAt(path: string, change = this.change): Inode | undefined {
    let inode: Inode | undefined = this.root;
    for (let from = 1; from > 0 && from <= path.length && inode !== undefined; ) {
      const slash = path.indexOf('/', from);
      const name = path.slice(from, slash < 0 ? undefined : slash);
      inode = inode.kind === 'directory' ? at(inode.entries.get(name), change) : undefined;
      from = slash + 1;
    }
    return inode;
  }

  namesIn(directory: Inode, change = this.change): string[] {
    const names: string[] = [];
    for (const [name, versions] of directory.entries)
      if (at(versions, change) !== undefined) names.push(name);
    return names;
  }

  attributesOf(inode: Inode, change = this.change): Attributes {
    const attributes = at(inode.attributes, change);
    if (attributes === undefined) throw new Error('internal: attributes before it was made');
    return attributes;
  }

  newContent(): number {
    this.#lastContent += 1;
    return this.#lastContent;
  }

  get coarseMs(): number {
    return Math.floor(this.#stage.nowMs / this.#tickMs) * this.#tickMs;
  }

  // ---- Changing: each is one change, as one system call is ----

  mkdir(path: string): void {
    this.#create(path, this.#make('directory', ''));
  }

  symlink(target: string, path: string): void {
    this.#create(path, this.#make('link', target));
  }

  create(path: string, pieces: number): void {
    const inode = this.#make('file', '');
    inode.content.push({
      from: this.change + 1,
      value: Array.from({ length: pieces }, () => this.newContent()),
    });
    this.#create(path, inode);
  }

  /** By a write and a close, or by a mapping that is closed. */
  write(path: string, how: 'write' | 'mapping', keepsSize: boolean, content?: Pieces): void {
    const inode = this.inodeAt(path);
    if (inode?.kind !== 'file') return;
    this.change += 1;
    const pieces = content ?? (now(inode.content) ?? []).map(() => this.newContent());
    inode.content.push({ from: this.change, value: pieces });
    const { sizeBytes } = this.attributesOf(inode);
    this.#touch(inode, { sizeBytes: keepsSize ? sizeBytes : sizeBytes + 1, mtimeMs: this.coarseMs });
    if (how === 'write') this.#raise(path, inode, 'modify');
    this.#raise(path, inode, 'closed');
  }

  setTime(path: string, mtimeMs: number): void {
    this.#change(path, { mtimeMs });
  }

  chmod(path: string, mode: number): void {
    this.#change(path, { mode });
  }

  link(from: string, to: string): void {
    const inode = this.inodeAt(from);
    if (inode?.kind !== 'file' || this.inodeAt(to) !== undefined) return;
    const parent = this.#parentOf(to);
    if (parent === undefined) return;
    this.change += 1;
    inode.isLinkedLate ||= inode.isTold;
    inode.links += 1;
    this.#set(parent, split(to).name, inode);
    this.#touch(inode, { links: inode.links });
    this.#tell(inode, 'attributes');
    this.#tell(parent, 'created', split(to).name);
  }

  unlink(path: string): void {
    const [parent, inode] = [this.#parentOf(path), this.inodeAt(path)];
    if (parent === undefined || inode === undefined) return;
    if (inode.kind === 'directory' && this.namesIn(inode).length > 0) return;
    this.change += 1;
    this.#set(parent, split(path).name, undefined);
    this.#tell(parent, 'deleted', split(path).name);
    this.#loseName(inode);
  }

  /** Over what is there, if that may be: a file, or an empty directory by a directory. */
  rename(from: string, to: string): void {
    const [source, target] = [this.#parentOf(from), this.#parentOf(to)];
    const [inode, over] = [this.inodeAt(from), this.inodeAt(to)];
    if (source === undefined || target === undefined || inode === undefined || inode === over) return;
    if (`${to}/`.startsWith(`${from}/`)) return;
    if (over !== undefined && (over.kind === 'directory') !== (inode.kind === 'directory')) return;
    if (over?.kind === 'directory' && this.namesIn(over).length > 0) return;
    this.change += 1;
    this.#set(source, split(from).name, undefined);
    this.#set(target, split(to).name, inode);
    this.#touch(inode, {});
    this.#tell(source, 'moved from', split(from).name);
    this.#tell(target, 'moved to', split(to).name);
    this.#tell(inode, 'moved');
    if (over !== undefined) this.#loseName(over);
  }

  #change(path: string, changed: Partial<Attributes>): void {
    const inode = this.inodeAt(path);
    if (inode === undefined) return;
    this.change += 1;
    this.#touch(inode, changed);
    this.#raise(path, inode, 'attributes');
  }

  #loseName(inode: Inode): void {
    inode.links -= 1;
    this.#touch(inode, { links: inode.links });
    this.#tell(inode, 'attributes');
    if (inode.links > 0 && inode.kind !== 'directory') return;
    this.#tell(inode, 'gone');
    for (const watches of this.watchers) watches.lose(inode);
  }

  #make(kind: Kind, target: string): Inode {
    this.#lastInode += 1;
    const ms = this.coarseMs;
    const attributes: Attributes = {
      inode: this.#lastInode,
      kind,
      sizeBytes: 100,
      mode: 0o644,
      links: 1,
      mtimeMs: ms,
      ctimeMs: ms,
    };
    return {
      id: this.#lastInode,
      kind,
      target,
      entries: new Map(),
      content: [],
      attributes: [{ from: this.change + 1, value: attributes }],
      links: 1,
      isLinkedLate: false,
      isTold: false,
    };
  }

  #create(path: string, inode: Inode): void {
    const parent = this.#parentOf(path);
    if (parent === undefined || this.inodeAt(path) !== undefined) return;
    this.change += 1;
    this.#set(parent, split(path).name, inode);
    this.#tell(parent, 'created', split(path).name);
    if (inode.kind === 'file') this.#tell(parent, 'closed', split(path).name);
  }

  #parentOf(path: string): Inode | undefined {
    const parent = this.inodeAt(split(path).directory);
    return parent?.kind === 'directory' ? parent : undefined;
  }

  /** A name comes to lead to something else: the times of its directory change too, which raises no event. */
  #set(parent: Inode, name: string, inode: Inode | undefined): void {
    const versions = parent.entries.get(name) ?? [];
    versions.push({ from: this.change, value: inode });
    parent.entries.set(name, versions);
    this.#touch(parent, { mtimeMs: this.coarseMs });
  }

  #touch(inode: Inode, changed: Partial<Attributes>): void {
    const attributes = { ...this.attributesOf(inode), ...changed, ctimeMs: this.coarseMs };
    inode.attributes.push({ from: this.change, value: attributes });
  }

  #raise(path: string, inode: Inode, what: 'modify' | 'closed' | 'attributes'): void {
    const parent = this.#parentOf(path);
    if (parent !== undefined) this.#tell(parent, what, split(path).name);
    this.#tell(inode, what);
  }

  #tell(inode: Inode, what: EventKind, name = ''): void {
    for (const watches of this.watchers) watches.raise(inode, what, name);
  }
}
