/**
 * An NFS client's caches, each behaviour after a row of what was measured on real ones: names, present or missing, are
 * believed while the attributes of their directory are (1, 1b, 3c, 3d, 6: 30 s, up to 60 s with use), attributes of files
 * 3 s and up to 60 s (2, 5, 7), open asks the server (2b, 3, close-to-open), a file that is gone is looked up anew (3b, 5) but
 * for a short while after an own close (3b, 5b on v4), opendir asks for the directory's attributes (the cure), and v3
 * knows directories by their ctime alone (8).
 */
import { absent, type Fact } from '../../../src/core/fact.ts';
import { nextRandom, type RandomState } from '../../../src/core/random.ts';
import { type Inode, join, type ServerTree } from './server.ts';

interface Attributes {
  readonly fact: Fact;
  readonly change: number;
  readonly fetchedMs: number;
  readonly timeoutMs: number;
}

interface Dentry {
  /** 0: known to be missing. */
  readonly id: number;
  /** The directory's change as it was cached when this was looked up. */
  readonly verifier: number;
}

const timeouts = { file: 3_000, directory: 30_000, max: 60_000 };

export function factOf(inode: Inode): Fact {
  return {
    kind: inode.kind,
    inode: String(inode.id),
    sizeBytes: inode.sizeBytes,
    mtimeNs: `${inode.mtimeMs}000000`,
    ctimeNs: `${inode.ctimeMs}000000`,
  };
}

/** What an open got. */
export interface Opened {
  readonly content: number;
  readonly fact: Fact;
}

export class NfsClient {
  readonly #tree: ServerTree;
  readonly version: 3 | 4;
  readonly #random: RandomState;
  readonly #attributes = new Map<number, Attributes>();
  readonly #names = new Map<number, Map<string, Dentry>>();
  readonly #closedMs = new Map<number, number>();
  readonly #openedDirMs = new Map<number, number>();
  /** Contents by what `stat` showed of them: a compiler cache that does not open what looks the same. */
  readonly hashes = new Map<string, number>();
  /** Written here and not yet sent to the server: the content that programs here see. */
  readonly dirty = new Map<number, { readonly content: number; readonly sizeBytes: number }>();

  constructor(tree: ServerTree, version: 3 | 4, random: RandomState) {
    this.#tree = tree;
    this.version = version;
    this.#random = random;
  }

  #changeOf(inode: Inode): number {
    return this.version === 4 ? inode.change : inode.ctimeMs;
  }

  /** GETATTR. Undefined: the server has no such file any more. */
  #fetch(id: number): Attributes | undefined {
    const inode = this.#tree.inodes.get(id);
    if (inode === undefined || (inode.links === 0 && !(this.version === 4 && inode.holds > 0) && id !== 1)) {
      this.#attributes.delete(id);
      return undefined;
    }
    const before = this.#attributes.get(id);
    const change = this.#changeOf(inode);
    const least = inode.kind === 'directory' ? timeouts.directory : timeouts.file;
    const timeoutMs =
      before !== undefined && before.change === change ? Math.min(timeouts.max, before.timeoutMs * 2) : least;
    const attributes = {
      fact: factOf(inode),
      content: inode.content,
      change,
      fetchedMs: this.#tree.nowMs,
      timeoutMs,
    };
    this.#attributes.set(id, attributes);
    return attributes;
  }

  #cached(id: number): Attributes | undefined {
    const known = this.#attributes.get(id);
    if (known !== undefined && this.#tree.nowMs - known.fetchedMs < known.timeoutMs) return known;
    return this.#fetch(id);
  }

  /** LOOKUP in a directory, past the cache. */
  #ask(directory: number, name: string, verifier: number): number {
    const inode = this.#tree.inodes.get(directory);
    const id = inode?.entries.get(name) ?? 0;
    let names = this.#names.get(directory);
    if (names === undefined) {
      names = new Map();
      this.#names.set(directory, names);
    }
    names.set(name, { id, verifier });
    if (id !== 0) this.#fetch(id);
    if (this.version === 3 && nextRandom(this.#random) < 0.3) this.#fetch(directory);
    return id;
  }

  #lookup(directory: number, name: string, anew: boolean): number {
    const attributes = this.#cached(directory);
    if (attributes === undefined) return -1;
    const dentry = this.#names.get(directory)?.get(name);
    if (!anew && dentry !== undefined && dentry.verifier === attributes.change) return dentry.id;
    return this.#ask(directory, name, attributes.change);
  }

  /** The directory that holds the last component, and that component; undefined if the way does not exist. */
  #way(path: string, depth = 0): { directory: number; name: string; at: string } | undefined {
    const names = path.split('/').filter((name) => name !== '');
    const last = names.pop();
    if (last === undefined || depth > 8) return undefined;
    let directory = 1;
    let at = '';
    for (const name of names) {
      const next = this.#enter(directory, name, at, depth);
      if (next === undefined) return undefined;
      directory = next.id;
      at = next.at;
    }
    return { directory, name: last, at };
  }

  /** Goes into one directory, through a link if it is one. */
  #enter(directory: number, name: string, at: string, depth: number): { id: number; at: string } | undefined {
    for (const anew of [false, true]) {
      const id = this.#lookup(directory, name, anew);
      if (id === -1) return undefined;
      if (id === 0) return undefined;
      const attributes = this.#cached(id);
      if (attributes === undefined) continue;
      if (attributes.fact.kind === 'directory') return { id, at: `${at}/${name}` };
      if (attributes.fact.kind !== 'link') return undefined;
      const target = join(at, this.#tree.inodes.get(id)?.target ?? '');
      const way = this.#way(target, depth + 1);
      return way === undefined ? undefined : this.#enter(way.directory, way.name, way.at, depth + 1);
    }
    return undefined;
  }

  /** stat or lstat, from the cache where that is believed. */
  stat(path: string, follow: boolean, depth = 0): Fact {
    if (path === '/') return this.#cached(1)?.fact ?? absent;
    const way = this.#way(path);
    if (way === undefined || depth > 8) return absent;
    for (const anew of [false, true]) {
      const id = this.#lookup(way.directory, way.name, anew);
      if (id <= 0) return absent;
      // Unwritten data is sent before the times are told.
      const dirty = this.dirty.get(id);
      if (dirty !== undefined) this.flush(id);
      const attributes = this.#cached(id);
      if (attributes === undefined) continue;
      if (attributes.fact.kind === 'link' && follow)
        return this.stat(join(way.at, this.#tree.inodes.get(id)?.target ?? ''), true, depth + 1);
      return attributes.fact;
    }
    return absent;
  }

  readlink(path: string): string | undefined {
    const way = this.#way(path);
    if (way === undefined) return undefined;
    const id = this.#lookup(way.directory, way.name, false);
    const inode = this.#tree.inodes.get(id);
    return inode?.kind === 'link' ? inode.target : undefined;
  }

  /** open + read + fstat + close of a file. Undefined: ENOENT. */
  open(path: string, depth = 0): Opened | undefined {
    const way = this.#way(path);
    if (way === undefined || depth > 8) return undefined;
    for (const anew of [false, true]) {
      const id = this.#lookup(way.directory, way.name, anew);
      if (id <= 0) return undefined;
      const inode = this.#tree.inodes.get(id);
      if (inode === undefined) return undefined;
      if (inode.kind === 'link') {
        if (this.#cached(id) === undefined) continue;
        return this.open(join(way.at, inode.target), depth + 1);
      }
      const sinceCloseMs = this.#tree.nowMs - (this.#closedMs.get(id) ?? -Infinity);
      const lingers =
        this.version === 4 &&
        inode.links === 0 &&
        sinceCloseMs < 3_000 &&
        this.#tree.nowMs - inode.removedMs < 100 &&
        (this.#openedDirMs.get(way.directory) ?? -Infinity) < inode.removedMs &&
        nextRandom(this.#random) < 0.5;
      const attributes = lingers ? this.#attributes.get(id) : this.#fetch(id);
      if (attributes === undefined) continue;
      if (attributes.fact.kind === 'directory') return undefined;
      this.#closedMs.set(id, this.#tree.nowMs);
      return { content: inode.content, fact: attributes.fact };
    }
    return undefined;
  }

  /** The cure: opendir + close. */
  opendir(path: string): boolean {
    if (path === '/') return this.#fetch(1) !== undefined;
    const way = this.#way(path);
    if (way === undefined) return false;
    for (const anew of [false, true]) {
      const id = this.#lookup(way.directory, way.name, anew);
      if (id <= 0) return false;
      const inode = this.#tree.inodes.get(id);
      if (inode?.kind === 'link') {
        if (this.#cached(id) === undefined) continue;
        return this.opendir(join(way.at, inode.target));
      }
      if (this.#fetch(id) === undefined) continue;
      this.#openedDirMs.set(id, this.#tree.nowMs);
      return true;
    }
    return false;
  }

  /** Names of real sub-directories; listing revalidates the directory. */
  list(path: string): string[] {
    if (!this.opendir(path)) return [];
    const way = path === '/' ? undefined : this.#way(path);
    const id = way === undefined ? 1 : this.#lookup(way.directory, way.name, false);
    const inode = this.#tree.inodes.get(id);
    return [...(inode?.entries ?? [])].flatMap(([name, child]) =>
      this.#tree.inodes.get(child)?.kind === 'directory' ? name : [],
    );
  }

  /** From which time on programs here may have known what others did to a path: as old as what is cached on the way. */
  knownSinceMs(path: string): number {
    let sinceMs = this.#tree.nowMs;
    this.#tree.resolve(path, true, 0, (inode) => {
      sinceMs = Math.min(sinceMs, this.#valid(inode.id)?.fetchedMs ?? sinceMs);
    });
    return sinceMs;
  }

  #valid(id: number): Attributes | undefined {
    const known = this.#attributes.get(id);
    return known !== undefined && this.#tree.nowMs - known.fetchedMs < known.timeoutMs ? known : undefined;
  }

  /** This client itself changed names in the directory of `path`: it knows the new state. */
  changedHere(path: string): void {
    const parent = this.#tree.parent(path);
    if (parent === undefined) return;
    this.#names.delete(parent.id);
    this.#fetch(parent.id);
    const inode = this.#tree.resolve(path, false);
    if (inode !== undefined) this.#fetch(inode.id);
  }

  /** Like a shell's `>`: through the name as this machine knows it, so perhaps into a file that is no longer there. */
  write(path: string, sizeBytes: number): Opened | undefined {
    const way = this.#way(path);
    if (way === undefined) return undefined;
    const id = this.#lookup(way.directory, way.name, false);
    const known = this.#tree.inodes.get(id);
    let inode = known !== undefined && this.#fetch(id) !== undefined ? known : undefined;
    if (inode?.kind !== undefined && inode.kind !== 'file') return undefined;
    if (inode === undefined) {
      const directory = this.#tree.inodes.get(way.directory);
      if (directory === undefined || !this.#tree.isAlive(directory)) return undefined;
      inode = this.#tree.createIn(directory, way.name, sizeBytes);
      this.#names.delete(directory.id);
      this.#fetch(directory.id);
    } else this.#tree.write(inode, sizeBytes);
    const attributes = this.#fetch(inode.id);
    return attributes === undefined ? undefined : { content: inode.content, fact: attributes.fact };
  }

  /** chmod to its own mode, of what this machine takes the path for. */
  chmod(path: string): void {
    const way = this.#way(path);
    const id = way === undefined ? 0 : this.#lookup(way.directory, way.name, false);
    if (this.#fetch(id) === undefined) return;
    this.#tree.chmod(id);
    this.#fetch(id);
  }

  /** Changed within the last two seconds. */
  isYoung(fact: Fact): boolean {
    return this.#tree.clockMs - Number(fact.ctimeNs.slice(0, -6)) < 2_000;
  }

  /** A program holds the file open from now on. */
  hold(path: string): Inode | undefined {
    if (this.open(path) === undefined) return undefined;
    const inode = this.#tree.resolve(path, true);
    if (inode !== undefined && this.version === 4) inode.holds++;
    return inode;
  }

  flush(id: number): void {
    const dirty = this.dirty.get(id);
    const inode = this.#tree.inodes.get(id);
    this.dirty.delete(id);
    if (dirty === undefined || inode === undefined) return;
    this.#tree.write(inode, dirty.sizeBytes, dirty.content);
    this.#fetch(id);
  }
}
