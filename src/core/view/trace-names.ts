/**
 * What the names in traces mean. Compilers look the same names up job after job, hundreds in each: what one of them means is
 * worked out once.
 */
import { BoundedMap } from '../bounded-map.ts';
import { isBelow, resolvePath } from '../paths.ts';
import type { OutsideLook, OutsideName } from './outside-name.ts';

export class TracedName {
  /** Absolute, `..` left in. */
  readonly path: string;
  /** The same, `..` taken off by name. */
  readonly resolved: string;
  readonly place: 'share' | 'outside' | 'special';
  /** The directory in which it was looked up, `..` left in; undefined of the root of the share. */
  readonly directory: string | undefined;
  readonly #looks: Partial<Record<OutsideLook, OutsideName>> = {};

  constructor(path: string, root: string) {
    this.path = path;
    this.resolved = resolvePath('/', path);
    const inShare = isBelow(root, this.resolved) ? 'share' : 'outside';
    this.place = special.test(this.resolved) ? 'special' : inShare;
    this.directory = this.resolved === root ? undefined : path.slice(0, path.lastIndexOf('/')) || '/';
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

export class TraceNames {
  readonly #root: string;
  readonly #absolute = new Map<string, TracedName>();
  /** By directory of the job. */
  readonly #relative = new BoundedMap<string, Map<string, TracedName>>(mostDirectories);

  /** @param root - of the share. */
  constructor(root: string) {
    this.#root = root;
  }

  /** @param cwd - directory of the job, in which names that are not absolute begin. */
  of(cwd: string, name: string): TracedName {
    const isAbsolute = name.startsWith('/');
    const known = isAbsolute ? this.#absolute : this.#below(cwd);
    let traced = known.get(name);
    if (traced === undefined) {
      const own = ownCopy(name);
      traced = new TracedName(isAbsolute ? own : `${cwd}/${own}`, this.#root);
      if (known.size >= mostNames) known.clear();
      known.set(own, traced);
    }
    return traced;
  }

  #below(cwd: string): Map<string, TracedName> {
    let names = this.#relative.get(cwd);
    if (names === undefined) {
      names = new Map();
      this.#relative.set(cwd, names);
    }
    return names;
  }
}
