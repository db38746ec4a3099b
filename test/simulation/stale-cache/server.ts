/** The truth: a file server's tree, with times that move in ticks of its clock. */
export interface Inode {
  readonly id: number;
  readonly kind: 'file' | 'directory' | 'link';
  /** Files: a number that no other write has. */
  content: number;
  sizeBytes: number;
  readonly target: string;
  readonly entries: Map<string, number>;
  mtimeMs: number;
  ctimeMs: number;
  /** NFSv4's change attribute: never the same twice. */
  change: number;
  links: number;
  /** Open on v4 clients: keeps an unlinked file alive. */
  holds: number;
  /** When its last name went. */
  removedMs: number;
}

/** Told of each change of a directory's names, by name, and of an inode itself. */
export type OnChange = (inode: Inode, name?: string) => void;

export class ServerTree {
  onChange: OnChange = () => {};
  nowMs = 1_000_000;
  readonly tickMs: number;
  /** Whoever keeps the server may set its clock. */
  aheadMs: number;
  readonly inodes = new Map<number, Inode>();
  readonly root: Inode;
  #nextId = 1;
  #nextContent = 1;

  constructor(tickMs: number, aheadMs: number) {
    this.tickMs = tickMs;
    this.aheadMs = aheadMs;
    this.root = this.#make('directory', '');
    this.root.links = 1;
  }

  get clockMs(): number {
    return Math.floor((this.nowMs + this.aheadMs) / this.tickMs) * this.tickMs;
  }

  #make(kind: Inode['kind'], target: string): Inode {
    const inode: Inode = {
      id: this.#nextId++,
      kind,
      content: 0,
      sizeBytes: 0,
      target,
      entries: new Map(),
      mtimeMs: this.clockMs,
      ctimeMs: this.clockMs,
      change: 1,
      links: 0,
      holds: 0,
      removedMs: 0,
    };
    this.inodes.set(inode.id, inode);
    return inode;
  }

  child(directory: Inode, name: string): Inode | undefined {
    const id = directory.entries.get(name);
    return id === undefined ? undefined : this.inodes.get(id);
  }

  /** What a path leads to now; `visited` is told everything on the way. */
  resolve(path: string, follow: boolean, depth = 0, visited?: (inode: Inode) => void): Inode | undefined {
    let at: Inode = this.root;
    for (let start = 1; start < path.length; ) {
      visited?.(at);
      if (at.kind !== 'directory' || depth > 8) return undefined;
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      let next = this.child(at, path.slice(start, end));
      if (next?.kind === 'link' && (follow || end < path.length)) {
        visited?.(next);
        next = this.resolve(join(path.slice(0, start - 1), next.target), true, depth + 1, visited);
      }
      if (next === undefined) return undefined;
      at = next;
      start = end + 1;
    }
    visited?.(at);
    return at;
  }

  parent(path: string): Inode | undefined {
    const parent = this.resolve(path.slice(0, path.lastIndexOf('/')), true);
    return parent?.kind === 'directory' ? parent : undefined;
  }

  #changed(inode: Inode, names: boolean): void {
    if (names) inode.mtimeMs = this.clockMs;
    inode.ctimeMs = this.clockMs;
    inode.change++;
    // Of a directory whose names change these are told.
    if (inode.kind !== 'directory' || !names) this.onChange(inode);
  }

  #put(path: string, inode: Inode): void {
    const parent = this.parent(path);
    if (parent !== undefined) this.#putIn(parent, path.slice(path.lastIndexOf('/') + 1), inode);
  }

  #putIn(parent: Inode, name: string, inode: Inode): void {
    const old = this.child(parent, name);
    parent.entries.set(name, inode.id);
    inode.links++;
    this.#changed(parent, true);
    this.onChange(parent, name);
    if (old !== undefined) this.#unlinked(old);
  }

  #unlinked(inode: Inode): void {
    inode.links--;
    this.#changed(inode, false);
    if (inode.links === 0) inode.removedMs = this.nowMs;
  }

  newContent(): number {
    return this.#nextContent++;
  }

  write(inode: Inode, sizeBytes: number, content = this.newContent()): void {
    inode.content = content;
    inode.sizeBytes = sizeBytes;
    this.#changed(inode, true);
  }

  /** Like a shell's `>`: in place if it is there. */
  create(path: string, sizeBytes: number): Inode | undefined {
    const there = this.resolve(path, true);
    if (there?.kind === 'directory' || this.parent(path) === undefined) return undefined;
    if (there !== undefined) {
      this.write(there, sizeBytes);
      return there;
    }
    const inode = this.#make('file', '');
    this.write(inode, sizeBytes);
    this.#put(path, inode);
    return inode;
  }

  /** O_CREAT: what is there already is opened. */
  createIn(directory: Inode, name: string, sizeBytes: number): Inode {
    const there = this.child(directory, name);
    const inode = there?.kind === 'file' ? there : this.#make('file', '');
    this.write(inode, sizeBytes);
    if (inode !== there) this.#putIn(directory, name, inode);
    return inode;
  }

  mkdir(path: string): void {
    if (this.parent(path) !== undefined && this.resolve(path, false) === undefined)
      this.#put(path, this.#make('directory', ''));
  }

  symlink(target: string, path: string): void {
    if (this.parent(path) !== undefined && this.resolve(path, false)?.kind !== 'directory')
      this.#put(path, this.#make('link', target));
  }

  link(path: string, to: string): void {
    const inode = this.resolve(path, false);
    if (inode?.kind !== 'file' || this.parent(to) === undefined) return;
    this.#put(to, inode);
    this.#changed(inode, false);
  }

  rename(from: string, to: string): void {
    const inode = this.resolve(from, false);
    const parent = this.parent(from);
    if (inode === undefined || parent === undefined || this.parent(to) === undefined) return;
    if (this.resolve(to, false) === inode) return;
    const name = from.slice(from.lastIndexOf('/') + 1);
    parent.entries.delete(name);
    this.#changed(parent, true);
    this.onChange(parent, name);
    inode.links--;
    this.#put(to, inode);
    this.#changed(inode, false);
  }

  unlink(path: string): void {
    const inode = this.resolve(path, false);
    const parent = this.parent(path);
    if (inode === undefined || parent === undefined || inode.kind === 'directory') return;
    const name = path.slice(path.lastIndexOf('/') + 1);
    parent.entries.delete(name);
    this.#changed(parent, true);
    this.onChange(parent, name);
    this.#unlinked(inode);
  }

  /** Changes the ctime. */
  chmod(id: number): void {
    const inode = this.inodes.get(id);
    if (inode !== undefined) this.#changed(inode, false);
  }

  isAlive(inode: Inode): boolean {
    return inode.links > 0 || inode.holds > 0;
  }
}

/** A link's target as seen from the directory that holds the link. */
export function join(directory: string, target: string): string {
  if (target.startsWith('/')) return target;
  const parts = directory.split('/').filter((part) => part !== '');
  for (const part of target.split('/'))
    if (part === '..') parts.pop();
    else parts.push(part);
  return `/${parts.join('/')}`;
}
