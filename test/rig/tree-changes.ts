/**
 * Changes of a directory tree, one at a time and by chance, as an editor, a checkout, a linker or a careless script
 * makes them. Each is over when it returns.
 */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import path from 'node:path';
import { nextInteger, type RandomState } from '../../src/core/random.ts';

const directories = ['', 'd1', 'd2', 'd1/in', 'd2/in', 'far/off/deep'] as const;
const files = ['f', 'g.h', 'h.h', 'same', 'new'] as const;

/** A tree to be changed, and a directory beside it, which nobody watches. */
export class ChangingTree {
  readonly root: string;
  /** Not part of the tree: other names of its files are made here. */
  readonly outside: string;
  readonly #random: RandomState;
  readonly #mapWrite: string;
  #count = 0;

  /** @param mapWrite - program that writes to a file through a mapping; see map-write.c. */
  constructor(options: { root: string; outside: string; random: RandomState; mapWrite: string }) {
    this.root = options.root;
    this.outside = options.outside;
    this.#random = options.random;
    this.#mapWrite = options.mapWrite;
    for (const directory of directories) fs.mkdirSync(this.#in(directory), { recursive: true });
    fs.mkdirSync(this.outside, { recursive: true });
    for (const directory of directories)
      for (const file of files.slice(0, 3))
        fs.writeFileSync(this.#in(directory, file), `${directory}/${file}`);
  }

  /** Makes a change; its name. A change that does not fit the state of the tree is another one. */
  change(): string {
    for (;;) {
      const names = Object.keys(this.#kinds);
      const name = names[nextInteger(this.#random, names.length)] ?? '';
      try {
        this.#kinds[name]?.();
        return name;
      } catch (error) {
        // No such file, a directory in the way: what chance has picked cannot be done now.
        if (!(error instanceof Error) || !('code' in error || 'status' in error)) throw error;
      }
    }
  }

  #in(...parts: string[]): string {
    return path.join(this.root, ...parts);
  }

  #pick<T>(from: readonly T[]): T {
    return from[nextInteger(this.#random, from.length)] as T;
  }

  #file(): string {
    return this.#in(this.#pick(directories), this.#pick(files));
  }

  #text(): string {
    this.#count += 1;
    return `${this.#count}${'x'.repeat(this.#pick([0, 0, 7, 5_000]))}\n`;
  }

  #fresh(): string {
    this.#count += 1;
    return this.#in(`.t${this.#count}`);
  }

  /** Every kind of change by its name. */
  readonly #kinds: Readonly<Record<string, () => void>> = {
    rewritten: () => fs.writeFileSync(this.#file(), this.#text()),
    'renamed over': () => {
      const fresh = this.#fresh();
      fs.writeFileSync(fresh, this.#text());
      fs.renameSync(fresh, this.#file());
    },
    removed: () => fs.unlinkSync(this.#file()),
    appended: () => fs.appendFileSync(this.#file(), this.#text()),
    'rewritten with its old size and time': () => {
      const file = this.#file();
      const before = fs.statSync(file);
      fs.writeFileSync(
        file,
        String(this.#count++)
          .padStart(before.size, '.')
          .slice(-before.size),
      );
      fs.utimesSync(file, before.atime, before.mtime);
    },
    'written through a mapping': () => {
      const file = this.#file();
      if (fs.statSync(file).size < 8) fs.writeFileSync(file, '12345678');
      execFileSync(this.#mapWrite, [file, String(this.#count++).padStart(8, '0')]);
    },
    'made sparse': () => fs.truncateSync(this.#file(), this.#pick([0, 3, 70_000, 2_000_000])),
    'hole punched': () =>
      execFileSync('fallocate', ['-p', '-o', '0', '-l', '4096', this.#file()], { stdio: 'ignore' }),
    'moved to another directory': () => fs.renameSync(this.#file(), this.#file()),
    'written to after it was moved': () => {
      const [from, to] = [this.#file(), this.#file()];
      const descriptor = fs.openSync(from, 'r+');
      try {
        fs.renameSync(from, to);
        fs.writeSync(descriptor, this.#text(), 0);
      } finally {
        fs.closeSync(descriptor);
      }
    },
    'removed while it is written to by its other name': () => {
      const [file, other] = [this.#file(), this.#in('other')];
      fs.rmSync(other, { force: true });
      fs.linkSync(file, other);
      fs.unlinkSync(file);
      fs.appendFileSync(other, this.#text());
    },
    'root renamed and back': () => {
      const away = `${this.root}-away`;
      fs.renameSync(this.root, away);
      try {
        fs.writeFileSync(path.join(away, 'f'), this.#text());
      } finally {
        fs.renameSync(away, this.root);
      }
    },
    'root exchanged': () => {
      const [fresh, old] = [`${this.root}-fresh`, `${this.root}-old`];
      fs.rmSync(fresh, { recursive: true, force: true });
      fs.cpSync(this.root, fresh, { recursive: true, verbatimSymlinks: true });
      fs.rmSync(path.join(fresh, 'f'), { recursive: true, force: true });
      fs.renameSync(this.root, old);
      fs.renameSync(fresh, this.root);
      fs.rmSync(old, { recursive: true });
    },
    'mode changed': () => fs.chmodSync(this.#file(), this.#pick([0o644, 0o600, 0o755, 0o444])),
    'time changed': () => fs.utimesSync(this.#file(), 1, this.#count++),
    'linked from outside': () => {
      const other = path.join(this.outside, this.#pick(files));
      fs.rmSync(other, { force: true });
      fs.linkSync(this.#file(), other);
    },
    'written by its other name': () => {
      const other = path.join(this.outside, this.#pick(files));
      if (fs.statSync(other).nlink < 2) throw Object.assign(new Error('one name only'), { code: 'NONE' });
      fs.writeFileSync(other, this.#text());
    },
    'linked within': () => {
      const to = this.#file();
      fs.rmSync(to, { force: true });
      fs.linkSync(this.#file(), to);
    },
    'link of a chain changed': () => {
      const [first, second] = [this.#in('l1'), this.#in('l2')];
      fs.rmSync(first, { force: true });
      fs.symlinkSync(this.#pick(['l2', 'd1/f', 'nowhere', 'd2']), first);
      fs.rmSync(second, { force: true });
      fs.symlinkSync(this.#pick(['d2/in', 'd1/in/f', 'far/off', 'd1/../d2/f']), second);
    },
    'link swapped': () => {
      const fresh = this.#fresh();
      fs.symlinkSync(this.#pick(['d1', 'd2', 'd1/in', 'far']), fresh);
      fs.renameSync(fresh, this.#in('ld'));
    },
    'directory made anew': () => {
      const directory = this.#in(this.#pick(directories.slice(1)));
      fs.rmSync(directory, { recursive: true, force: true });
      fs.mkdirSync(directory, { recursive: true });
      for (const file of files.slice(0, 2)) fs.writeFileSync(path.join(directory, file), this.#text());
    },
    'directory swapped': () => {
      const [fresh, old] = [this.#fresh(), this.#fresh()];
      const directory = this.#in(this.#pick(directories.slice(1)));
      fs.mkdirSync(path.join(fresh, 'in'), { recursive: true });
      for (const file of files.slice(0, 3)) fs.writeFileSync(path.join(fresh, file), this.#text());
      fs.renameSync(directory, old);
      fs.renameSync(fresh, directory);
      fs.rmSync(old, { recursive: true });
    },
    'two directories exchanged': () => {
      const fresh = this.#fresh();
      fs.renameSync(this.#in('d1'), fresh);
      fs.renameSync(this.#in('d2'), this.#in('d1'));
      fs.renameSync(fresh, this.#in('d2'));
    },
    'ancestor renamed and back': () => {
      const fresh = this.#fresh();
      fs.renameSync(this.#in('far'), fresh);
      fs.writeFileSync(path.join(fresh, 'off/deep/f'), this.#text());
      fs.renameSync(fresh, this.#in('far'));
    },
    'moved over an empty directory': () => {
      fs.rmSync(this.#in('d2/in'), { recursive: true, force: true });
      fs.mkdirSync(this.#in('d2/in'), { recursive: true });
      fs.renameSync(this.#in('d1/in'), this.#in('d2/in'));
    },
    'directory becomes a file': () => {
      const place = this.#in('turn');
      const isDirectory = fs.statSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
      fs.rmSync(place, { recursive: true, force: true });
      if (isDirectory) fs.writeFileSync(place, this.#text());
      else fs.mkdirSync(place);
    },
    'mode of a directory changed': () =>
      fs.chmodSync(this.#in(this.#pick(directories)), this.#pick([0o755, 0o700, 0o711])),
    'time of a directory changed': () => fs.utimesSync(this.#in(this.#pick(directories)), 1, this.#count++),
    'many made': () => {
      const directory = this.#in('many');
      fs.rmSync(directory, { recursive: true, force: true });
      fs.mkdirSync(directory);
      const last = this.#pick([3, 40, 700]);
      for (let n = 0; n < last; n += 1) fs.writeFileSync(path.join(directory, `n${n}`), '');
    },
  };
}
