/**
 * Names outside a share of which the kernel tells every change: what was looked at once holds until it is told of. A name holds by all
 * that it is found by: each directory on its way is watched, each link there is followed, and a file that is read is watched itself.
 *
 * Pure: it says what is to be looked at, and hears what was seen. A path is of weight from the moment at which a look at it is asked for,
 * so that no change is missed between the look and the word of it.
 */
import { isBelow, mayBePath, parentOf } from '../paths.ts';
import type { ToldChanges } from './contract.ts';
import type { OutsideName } from './outside-name.ts';

/** Paths that are of weight; with more of them all are forgotten. */
const defaultMaxPaths = 50_000;
/** As many links on one way as Linux follows. */
const maxLinks = 40;

/** What was found at a path. */
export interface HeldSight {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link' | 'other' | 'absent';
  /** Of a link. */
  readonly target?: string | undefined;
}

/** What is to be looked at, in any order. */
export interface HoldLooks {
  /** With a watch, if that can be had. */
  readonly watched: readonly string[];
  /** By `lstat`, with the target of a link: their directories are watched. */
  readonly plain: readonly string[];
}

interface Path {
  readonly kind: HeldSight['kind'] | 'asked';
  readonly target?: string | undefined;
  /** Whether every change of it itself (of names in it, of its content) is told; `silent`: it is not, though that was asked for. */
  readonly watch: 'none' | 'told' | 'silent';
}

/** To be looked at so, or whether it holds as it is. */
type Step = { readonly watched: string } | { readonly plain: string } | 'held' | 'not-held';

/** How far a directory's name has been followed. */
interface Way {
  readonly at: string;
  readonly links: number;
}

/** By the directories of names that are asked about at once: thousands of names are in some hundred of them. */
type Ways = Map<string, Way | Step>;

export class HeldNames {
  readonly #root: string;
  readonly #maxPaths: number;
  readonly #paths = new Map<string, Path>();
  /** Directories of which the names count. */
  readonly #listed = new Set<string>();
  /** Names in the root directory are told of. */
  #isTopTold = false;
  #epoch = 0;
  #heardMs = Number.NEGATIVE_INFINITY;

  /** @param root - of the share, which is held otherwise. */
  constructor(root: string, maxPaths = defaultMaxPaths) {
    this.#root = root;
    this.#maxPaths = maxPaths;
  }

  /** What held in one epoch holds in no other. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether what held in that epoch was so at `sinceMs` or later. */
  isCurrent(epoch: number, sinceMs: number): boolean {
    return epoch === this.#epoch && this.#heardMs >= sinceMs;
  }

  /** All that changed before `beganMs` and was not told before. */
  told({ everything, changes }: Pick<ToldChanges, 'everything' | 'changes'>, beganMs: number): void {
    const concerns = ({ path }: { readonly path: string }): boolean =>
      this.#paths.has(path) || this.#listed.has(parentOf(path));
    if (everything || changes.some(concerns)) this.forget();
    this.#heardMs = beganMs;
  }

  /** Nothing that held does any more. */
  forget(): void {
    this.#epoch += 1;
    this.#heardMs = Number.NEGATIVE_INFINITY;
    this.#isTopTold = false;
    this.#paths.clear();
    this.#listed.clear();
  }

  /** What is to be looked at before these names can hold; undefined: nothing more. */
  wanted(names: readonly OutsideName[]): HoldLooks | undefined {
    if (this.#paths.size > this.#maxPaths) this.forget();
    const watched = new Set<string>();
    const plain = new Set<string>();
    const ways: Ways = new Map();
    for (const name of names) {
      const step = this.#walk(name, ways);
      if (typeof step === 'string') continue;
      if ('watched' in step) watched.add(step.watched);
      else plain.add(step.plain);
    }
    if (watched.size + plain.size === 0) return undefined;
    for (const path of [...watched, ...plain])
      if (!this.#paths.has(path)) this.#paths.set(path, { kind: 'asked', watch: 'none' });
    return { watched: [...watched], plain: [...plain] };
  }

  /** What was seen, in this epoch, of paths that were wanted; with a watch, whether that tells of every change. */
  saw(epoch: number, sights: readonly HeldSight[], tells?: (path: string) => boolean): void {
    if (epoch !== this.#epoch) return;
    for (const { path, kind, target } of sights) {
      const watch = tells === undefined ? 'none' : tells(path) ? 'told' : 'silent';
      if (watch === 'told' && parentOf(path) === '/') this.#isTopTold = true;
      this.#paths.set(path, { kind, target, watch });
    }
  }

  /** Which of these names hold. */
  holds(names: readonly OutsideName[]): boolean[] {
    const ways: Ways = new Map();
    return names.map((name) => this.#walk(name, ways) === 'held');
  }

  #walk({ look, path }: OutsideName, ways: Ways): Step {
    const end = path.lastIndexOf('/') + 1;
    const last = path.slice(end);
    if (isNoName(last)) return this.#find(path, { at: '', links: 0 }, look);
    const directory = path.slice(0, end);
    let way = ways.get(directory);
    if (way === undefined) {
      way = this.#follow(directory, { at: '', links: 0 });
      ways.set(directory, way);
    }
    return isWay(way) ? this.#find(last, way, look) : way;
  }

  /** What is found at the end of a way, and by that name. */
  #find(names: string, from: Way, look: OutsideName['look']): Step {
    const found = this.#follow(names, from, look);
    if (!isWay(found)) return found;
    const { at } = found;
    // It ends with `..`, or is the root directory.
    if (look !== 'names') return 'held';
    if (at === '' && !this.#isTopTold) return 'not-held';
    this.#listed.add(at === '' ? '/' : at);
    return 'held';
  }

  /** As the kernel finds it, name by name. Without a look it all leads on. */
  #follow(names: string, from: Way, look?: OutsideName['look']): Way | Step {
    let { at, links } = from;
    const rest = names.split('/').toReversed();
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        at = at.slice(0, at.lastIndexOf('/'));
        continue;
      }
      const path = `${at}/${name}`;
      if (isBelow(this.#root, path) || !mayBePath(path)) return 'not-held';
      const endLook = rest.every((each) => each === '' || each === '.') ? look : undefined;
      const found = this.#paths.get(path);
      if (found === undefined || found.kind === 'asked') {
        if (endLook === undefined) return { watched: path };
        // What is on the way of others is looked at first, and tells of this one too.
        return at !== '' || this.#isTopTold ? { plain: path } : 'not-held';
      }
      if (found.watch === 'silent') return 'not-held';
      if (found.kind === 'link') {
        links += 1;
        if (found.target === undefined || links > maxLinks) return 'not-held';
        if (found.target.startsWith('/')) at = '';
        rest.push(...found.target.split('/').toReversed());
        continue;
      }
      const step = endLook === undefined ? leadsOn(path, found) : this.#end(endLook, path, found);
      if (step !== undefined) return step;
      at = path;
    }
    return { at, links };
  }

  #end(look: OutsideName['look'], path: string, { kind, watch }: Path): Step {
    if (kind === 'other') return 'not-held';
    const isListed = kind === 'directory' && look === 'names';
    if (isListed) this.#listed.add(path);
    const isOfWeight = isListed || (kind === 'file' && look !== 'place');
    return isOfWeight && watch === 'none' ? { watched: path } : 'held';
  }
}

/** What leads on; undefined: to the next name. */
function leadsOn(path: string, { kind, watch }: Path): Step | undefined {
  // That nothing is below it changes with itself.
  if (kind !== 'directory') return kind === 'other' ? 'not-held' : 'held';
  return watch === 'none' ? { watched: path } : undefined;
}

function isWay(found: Way | Step): found is Way {
  return typeof found === 'object' && 'at' in found;
}

/** It ends with a directory, which is found by other names. */
function isNoName(last: string): boolean {
  return last === '' || last === '.' || last === '..';
}
