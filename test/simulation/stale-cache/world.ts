/** The tree that histories play in, the edits that happen to it, and what the submitter's machine had when. */
import { nextInteger, nextRandom, type RandomState } from '../../../src/core/random.ts';
import type { NfsClient } from './client.ts';
import type { Include } from './compiler.ts';
import type { ServerTree } from './server.ts';

export const root = '/s';
const directories = [
  'src',
  'early',
  'inc',
  'inc/sub',
  'late',
  'late/sub',
  'late/opt',
  'lib',
  'lib/gen',
  'lib/gen/sub',
  'r1',
  'r2',
  'keep',
  'moved',
  'moved/sub',
  'out',
];
const headerNames = ['a.h', 'b.h', 'g.h', 'sub/c.h', 'sub/d.h', 'opt/o.h', 'sys/t.h'];
const searchDirs = ['early', 'inc', 'late', 'lib/gen', 'cur'];

/** Paths that edits touch and that the check knows the history of. */
const headers = searchDirs.flatMap((directory) => headerNames.map((name) => `${root}/${directory}/${name}`));
const beside = ['src', ...searchDirs].flatMap((directory) =>
  headerNames.flatMap((name) => [`${root}/${directory}/${name}`, `${root}/${directory}/sub/${name}`]),
);
export const sources = ['m1.c', 'm2.c'].map((name) => `${root}/src/${name}`);
export const objects = ['x.o', 'y.o'].map((name) => `${root}/out/${name}`);
export const universe = [...new Set([...headers, ...beside, ...sources, ...objects])];

export const includeDirs = searchDirs.map((directory) => `${root}/${directory}`);
export const system = new Map([['sys/t.h', '/usr/include/sys/t.h']]);

const includes: Record<string, readonly Include[]> = {
  'm1.c': [
    { name: 'a.h', quoted: true },
    { name: 'sub/c.h', quoted: false },
    { name: 'opt/o.h', quoted: false, optional: true },
    { name: 'sys/t.h', quoted: false },
  ],
  'm2.c': [
    { name: 'b.h', quoted: false },
    { name: 'g.h', quoted: true },
    { name: 'sub/d.h', quoted: true },
  ],
  'a.h': [{ name: 'b.h', quoted: true }],
  'c.h': [{ name: 'sub/d.h', quoted: true }],
};
export function includesOf(name: string): readonly Include[] {
  return includes[name] ?? [];
}

/** What was at a path, from when on, and whether the submitter's machine knew at once. */
export interface State {
  readonly fromMs: number;
  readonly saw: string;
  known: boolean;
}

export class World {
  readonly tree: ServerTree;
  readonly #random: RandomState;
  readonly submitter: NfsClient;
  /** The submitter's machine is the file server itself. */
  readonly isServer: boolean;
  /** For each path: what was there, and from when. */
  readonly history = new Map<string, State[]>();
  #serial = 0;
  /** What was edited last: programs do more than one thing in a directory. */
  #last = sources[0] ?? '';

  constructor(tree: ServerTree, submitter: NfsClient, isServer: boolean, random: RandomState) {
    this.tree = tree;
    this.submitter = submitter;
    this.isServer = isServer;
    this.#random = random;
    tree.mkdir(root);
    for (const directory of directories) tree.mkdir(`${root}/${directory}`);
    for (const file of [...sources, ...objects]) tree.create(file, this.#size());
    for (const path of [
      'late/a.h',
      'late/b.h',
      'late/sub/c.h',
      'late/sub/d.h',
      'late/g.h',
      'r1/g.h',
      'r2/g.h',
      'r2/a.h',
      'moved/a.h',
      'moved/sub/c.h',
    ])
      tree.create(`${root}/${path}`, this.#size());
    tree.symlink('r1', `${root}/cur`);
    this.record(true);
  }

  #size(): number {
    return 100 + nextInteger(this.#random, 3);
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[nextInteger(this.#random, items.length)];
    if (item === undefined) throw new Error('internal: nothing to pick from');
    return item;
  }

  /** What a program on the submitter's machine that looks at the server would read there. */
  saw(path: string): string {
    const inode = this.tree.resolve(path, true);
    if (inode?.kind !== 'file') return 'absent';
    return String(this.submitter.dirty.get(inode.id)?.content ?? inode.content);
  }

  /** Call after each change. `known`: it was made by the submitter's machine. */
  record(known: boolean): void {
    for (const path of universe) {
      const saw = this.saw(path);
      let states = this.history.get(path);
      if (states === undefined) {
        states = [];
        this.history.set(path, states);
      }
      const { nowMs } = this.tree;
      if (states.at(-1)?.saw !== saw) states.push({ fromMs: nowMs, saw, known });
    }
  }

  /** One change; `nearness`: how likely in the directory of the last one. `by`: the submitter's programs, or somebody elsewhere, whose changes the submitter may see late. */
  edit(by: 'submitter' | 'other', nearness: number): void {
    const { tree } = this;
    const directory = this.#last.slice(0, this.#last.lastIndexOf('/') + 1);
    const near = universe.filter((path) => path.startsWith(directory));
    const among = nextRandom(this.#random) < 0.75 ? headers : universe;
    const path = this.#pick(nextRandom(this.#random) < nearness ? near : among);
    this.#last = path;
    const temporary = `${path.slice(0, path.lastIndexOf('/'))}/t${this.#serial++}`;
    const touched = [path];
    const there = tree.resolve(path, true);
    if (there !== undefined) this.submitter.flush(there.id);
    switch (nextInteger(this.#random, 10)) {
      case 0:
      case 1:
        tree.create(path, this.#size());
        break;
      case 2:
      case 3: // replaced; half of the time the old one keeps another name
        if (nextRandom(this.#random) < 0.5) tree.link(path, `${root}/keep/k${this.#serial++}`);
        tree.create(temporary, this.#size());
        tree.rename(temporary, path);
        break;
      case 4:
        tree.unlink(path);
        break;
      case 5: // regenerated: away, and there again
        tree.unlink(path);
        tree.create(path, this.#size());
        break;
      case 6: {
        // a directory swapped for another one
        const swapped = `${root}/${this.#pick(['inc/sub', 'late/sub', 'lib/gen', 'lib/gen', 'early', 'late/opt'])}`;
        const away = `${root}/keep/d${this.#serial++}`;
        const instead = this.#pick([`${root}/moved`, `${root}/moved/sub`, ...this.#parked()]);
        if (tree.resolve(instead, false)?.kind !== 'directory') break;
        tree.rename(swapped, away);
        tree.rename(instead, swapped);
        tree.mkdir(`${root}/moved`);
        touched.push(swapped, away, instead);
        break;
      }
      case 7: {
        const link = `${root}/new${this.#serial++}`;
        tree.symlink(this.#pick(['r1', 'r2', 'lib/gen/sub']), link);
        tree.rename(link, `${root}/cur`);
        touched.push(link);
        break;
      }
      case 8: // a directory that was missing in an earlier place
        tree.mkdir(path.slice(0, path.lastIndexOf('/')));
        tree.create(path, this.#size());
        touched.push(path.slice(0, path.lastIndexOf('/')));
        break;
      default:
        if (by === 'submitter' && !this.isServer) this.#writeLater(path);
        else tree.create(path, this.#size());
    }
    if (by === 'submitter') for (const each of touched) this.#changedHere(each);
    this.record(by === 'submitter');
  }

  /** Whoever changes something here has gone there, and knows the new state. */
  #changedHere(path: string): void {
    for (let at = path.indexOf('/', 1); at > 0; at = path.indexOf('/', at + 1))
      this.submitter.opendir(path.slice(0, at));
    this.submitter.changedHere(path);
  }

  #parked(): string[] {
    const keep = this.tree.resolve(`${root}/keep`, true);
    return [...(keep?.entries.keys() ?? [])].flatMap((name) =>
      name.startsWith('d') ? `${root}/keep/${name}` : [],
    );
  }

  /** A program writes and does not close: only this machine has it. */
  #writeLater(path: string): void {
    const inode = this.tree.resolve(path, true);
    if (inode?.kind !== 'file') return;
    this.submitter.dirty.set(inode.id, { content: this.tree.newContent(), sizeBytes: this.#size() });
  }

  /** A job wrote into a file that had lost its name meanwhile: whoever still sees that file may see this. */
  readonly nameless = new Set<string>();

  /** The submitter's machine has seen this content of a file that another machine wrote. */
  seen(path: string, content: string): void {
    for (const state of this.history.get(path) ?? []) if (state.saw === content) state.known = true;
  }

  /** For each path the place in its history of the oldest state that a job handed in now may still see. */
  oldestAllowed(): Map<string, number> {
    const allowed = new Map<string, number>();
    for (const [path, states] of this.history) {
      const sinceMs = this.isServer ? this.tree.nowMs : this.submitter.knownSinceMs(path);
      let at = states.length - 1;
      while (at > 0) {
        const state = states[at];
        if (state === undefined || state.known || state.fromMs < sinceMs) break;
        at--;
      }
      allowed.set(path, at);
    }
    return allowed;
  }
}
