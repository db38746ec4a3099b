/** The projects that histories play in, and the ways in which they are changed: those of tree-torture.test.ts. */
import { type Attributes, at, Disk, type Kind, split } from './disk.ts';
import type { Stage } from './stage.ts';

export const projects = ['/p', '/q'] as const;
const searched = ['early', 'inc', 'inc/sub', 'late', 'cur'];
const headers = ['a.h', 'b.h', 'g.h', 't.big'];
const places = ['', 'early', 'inc', 'inc/sub', 'late', 'r1', 'r2', 'out'];

export type Project = (typeof projects)[number];

/** Names that jobs look for in turn, whether they are there or not. */
export function candidates(project: Project, header: string): string[] {
  return searched.map((directory) => `${project}/${directory}/${header}`);
}

export class World {
  readonly disk: Disk;
  readonly headers = headers;
  /** What a job is about to write: others do too. */
  hot = '/p/out/o0';
  readonly #stage: Stage;
  #serial = 0;

  /** @param isFine - see {@link Disk}. */
  constructor(stage: Stage, isFine: boolean) {
    this.#stage = stage;
    this.disk = new Disk(stage, isFine);
    this.disk.mkdir('/outside');
    for (const project of projects) this.#plant(project);
  }

  #plant(project: Project): void {
    const { disk } = this;
    disk.mkdir(project);
    for (const place of places.slice(1)) disk.mkdir(`${project}/${place}`);
    for (const place of ['inc', 'inc/sub', 'late', 'r1', 'r2'])
      for (const header of headers)
        if (this.#stage.dice.chance(0.7)) this.#create(`${project}/${place}/${header}`);
    for (const source of ['m.c', 'n.c']) this.#create(`${project}/${source}`);
    disk.symlink('r1', `${project}/cur`);
    disk.symlink('cur', `${project}/way`);
  }

  #create(path: string): void {
    this.disk.create(path, path.endsWith('.big') ? 2 : 1);
  }

  /** What a path was at a change, as a job sees it: see `Access`. */
  tells(
    path: string,
    what: 'name' | 'attributes' | 'names' | number,
    change: number,
  ): string | Attributes | undefined {
    const inode = this.disk.inodeAt(path, change);
    if (what === 'name') return inode === undefined ? 'absent' : `${inode.id} ${inode.target}`;
    if (inode === undefined) return undefined;
    if (what === 'attributes') return this.disk.attributesOf(inode, change);
    if (what === 'names') return this.disk.namesIn(inode, change).toSorted().join(' ');
    return String(at(inode.content, change)?.[what] ?? '');
  }

  isLinkedLate(path: string): boolean {
    return this.disk.inodeAt(path)?.isLinkedLate === true;
  }

  /** Anything that may be changed. */
  #file(project: Project): string {
    const { dice } = this.#stage;
    if (dice.chance(0.15)) return this.hot;
    const place = dice.pick(places);
    const name = dice.chance(0.1) ? dice.pick(['m.c', 'n.c']) : dice.pick(headers);
    return `${project}${place === '' ? '' : `/${place}`}/${name}`;
  }

  #directory(project: Project): string {
    return `${project}/${this.#stage.dice.pick(places.slice(1))}`;
  }

  #fresh(project: Project): string {
    this.#serial += 1;
    return `${project}/.t${this.#serial}`;
  }

  #kindOf(path: string): Kind | undefined {
    return this.disk.inodeAt(path)?.kind;
  }

  /** One change by a program of the submitter's machine, of several system calls; what may come in between is the caller's. */
  *edit(): Generator<void> {
    const { dice } = this.#stage;
    const project = dice.pick(projects);
    const [file, other] = [this.#file(project), this.#file(project)];
    const outside = `/outside/${dice.pick(headers)}`;
    const what = dice.below(18);
    yield* what < 10 ? this.#editFile(what, file, other, outside) : this.#editDirectory(what, project, file);
  }

  *#editFile(what: number, file: string, other: string, outside: string): Generator<void> {
    const { disk } = this;
    const { dice } = this.#stage;
    const isBig = (path: string): boolean => path.endsWith('.big');
    switch (what) {
      case 0:
      case 1:
        if (disk.inodeAt(file) === undefined) this.#create(file);
        else disk.write(file, 'write', dice.chance(0.5));
        break;
      case 2:
        disk.write(file, 'mapping', true);
        break;
      case 3: {
        const before = disk.inodeAt(file);
        if (before?.kind !== 'file') break;
        const { mtimeMs } = disk.attributesOf(before);
        disk.write(file, 'write', true);
        yield;
        disk.setTime(file, mtimeMs);
        break;
      }
      case 4:
        disk.unlink(file);
        break;
      case 5: {
        const fresh = `${split(file).directory}/.t${this.#serial++}${isBig(file) ? '.big' : ''}`;
        this.#create(fresh);
        yield;
        disk.rename(fresh, file);
        break;
      }
      case 6:
        if (isBig(file) === isBig(other)) disk.rename(file, other);
        break;
      case 7:
        if (isBig(file) !== isBig(other)) break;
        disk.unlink(other);
        yield;
        disk.link(file, other);
        break;
      case 8:
        if (isBig(file) !== isBig(outside)) break;
        disk.unlink(outside);
        disk.link(file, outside);
        break;
      default:
        disk.write(outside, 'write', dice.chance(0.5));
    }
  }

  *#editDirectory(what: number, project: Project, file: string): Generator<void> {
    const { disk } = this;
    const { dice } = this.#stage;
    switch (what) {
      case 10: {
        const link = this.#fresh(project);
        disk.symlink(dice.pick(['r1', 'r2', 'inc/sub']), link);
        yield;
        return disk.rename(link, `${project}/cur`);
      }
      case 11:
        return disk.chmod(dice.chance(0.5) ? file : this.#directory(project), 0o600 + dice.below(3));
      case 12:
        return disk.setTime(dice.chance(0.5) ? file : this.#directory(project), 1 + dice.below(3));
      case 13:
        return yield* this.#exchange(this.#directory(project), this.#directory(project), project);
      case 14: {
        // A directory made anew, or moved over an empty one.
        const [directory, away] = [this.#directory(project), this.#fresh(project)];
        disk.rename(directory, away);
        disk.mkdir(directory);
        yield;
        if (dice.chance(0.5)) return this.#create(`${directory}/${dice.pick(headers)}`);
        return disk.rename(away, directory);
      }
      case 15: {
        // An ancestor is renamed, and comes back changed.
        const away = `${project}-away`;
        disk.rename(project, away);
        yield;
        disk.write(`${away}/inc/a.h`, 'write', true);
        return disk.rename(away, project);
      }
      case 16:
        return yield* this.#checkOut(project);
      default: {
        const place = `${project}/turn`;
        const kind = this.#kindOf(place);
        disk.unlink(place);
        return kind === 'directory' ? this.#create(place) : disk.mkdir(place);
      }
    }
  }

  *#exchange(one: string, other: string, project: Project): Generator<void> {
    const fresh = this.#fresh(project);
    this.disk.rename(one, fresh);
    this.disk.rename(other, one);
    yield;
    this.disk.rename(fresh, other);
  }

  /** Many files at once. */
  *#checkOut(project: Project): Generator<void> {
    for (let files = this.#stage.dice.below(60); files > 0; files--) {
      const file = this.#file(project);
      if (this.#kindOf(file) === undefined) this.#create(file);
      else this.disk.write(file, 'write', false);
      if (files % 20 === 0) yield;
    }
  }
}
