/**
 * What the names in traces mean. Compilers look the same names up job after job, hundreds in each: what one of them means is
 * worked out once.
 */
import { BoundedMap } from '../bounded-map.ts';
import { isBelow, resolvePath } from '../paths.ts';
import type { OutsideLook, OutsideName } from './outside-name.ts';

export class TracedName {
  /** As it stands in a trace, with the NUL behind it. */
  readonly record: string;
  /** Absolute, `..` left in. */
  readonly path: string;
  /** The same, `..` taken off by name. */
  readonly resolved: string;
  readonly place: 'share' | 'outside' | 'special';
  /** The directory in which it was looked up, `..` left in; undefined of the root of the share. */
  readonly directory: string | undefined;
  readonly #looks: Partial<Record<OutsideLook, OutsideName>> = {};

  constructor(record: string, path: string, root: string) {
    this.record = record;
    this.path = path;
    this.resolved = resolvePath('/', path);
    const inShare = isBelow(root, this.resolved) ? 'share' : 'outside';
    this.place = special.test(this.resolved) ? 'special' : inShare;
    this.directory = this.resolved === root ? undefined : path.slice(0, path.lastIndexOf('/')) || '/';
  }

  /** As a program gave it. */
  get name(): string {
    return this.record.slice(0, -1);
  }

  /** The very same each time: who keeps something of it finds it by that. */
  lookedAt(look: OutsideLook): OutsideName {
    return (this.#looks[look] ??= { path: this.path, look });
  }
}

const special = /^\/(?:dev|proc|sys)\//;
/** Directories of jobs of which names are remembered. */
const mostDirectories = 4;
/** Names below one of them, beyond which all are forgotten. */
const mostNames = 8_192;

/** A part of a long string keeps all of that in memory for as long as it lives itself. */
function ownCopy(part: string): string {
  return ` ${part}`.slice(1);
}

/** By the record of each. */
type NamesByRecord = Map<string, KnownName>;

/** A name that was in a trace before. */
interface KnownName {
  readonly traced: TracedName;
  /** Those it is one of: the absolute ones, or those of a directory. */
  readonly home: NamesByRecord;
  /** What stood behind it in the last trace that it was in. */
  next: KnownName | undefined;
}

/**
 * Names by what stands in traces. Traces of one project are alike for long stretches, so the one that followed a name last time is compared
 * first: to take each out of the text and to look it up takes nearly twice as long (measured).
 */
export class TraceNames {
  readonly #root: string;
  #absolute: NamesByRecord = new Map();
  /** By directory of the job. */
  readonly #relative = new BoundedMap<string, NamesByRecord>(mostDirectories);
  /** Stands before the first of each trace. */
  readonly #start: Pick<KnownName, 'next'> = { next: undefined };

  /** @param root - of the share. */
  constructor(root: string) {
    this.#root = root;
  }

  /** @param cwd - directory of the job, in which names that are not absolute begin. */
  of(cwd: string, name: string): TracedName {
    return this.#known(cwd, this.#below(cwd), `${name}\0`).traced;
  }

  /** @returns what takes the names out of a trace one after the other: that which begins there, undefined if it has no end. */
  reader(cwd: string): (records: string, at: number) => TracedName | undefined {
    let last = this.#start;
    return (records, at) => {
      const own = this.#below(cwd);
      let known = last.next;
      const isFresh = known !== undefined && (known.home === this.#absolute || known.home === own);
      if (known === undefined || !isFresh || !records.startsWith(known.traced.record, at)) {
        const end = records.indexOf('\0', at);
        if (end < 0) return undefined;
        known = this.#known(cwd, own, records.slice(at, end + 1));
        last.next = known;
      }
      last = known;
      return known.traced;
    };
  }

  #known(cwd: string, own: NamesByRecord, record: string): KnownName {
    const isAbsolute = record.startsWith('/');
    let home = isAbsolute ? this.#absolute : own;
    const known = home.get(record);
    if (known !== undefined) return known;
    // Another map, not the same one emptied: by that others know that it holds them no more.
    if (home.size >= mostNames) home = this.#emptied(cwd, isAbsolute);
    const copy = ownCopy(record);
    const name = copy.slice(0, -1);
    const traced = new TracedName(copy, isAbsolute ? name : `${cwd}/${name}`, this.#root);
    const made: KnownName = { traced, home, next: undefined };
    home.set(copy, made);
    return made;
  }

  #emptied(cwd: string, isAbsolute: boolean): NamesByRecord {
    const empty: NamesByRecord = new Map();
    if (isAbsolute) this.#absolute = empty;
    else this.#relative.set(cwd, empty);
    return empty;
  }

  #below(cwd: string): NamesByRecord {
    let names = this.#relative.get(cwd);
    if (names === undefined) {
      names = new Map();
      this.#relative.set(cwd, names);
    }
    return names;
  }
}
