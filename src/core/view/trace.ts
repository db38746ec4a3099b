/**
 * Reads the trace of a job: each file name that its programs looked up, as src/native/swarmtrace wrote it down. What it
 * says is all that the result can depend on, so it is what proves a result, or shows why it cannot be proven.
 */
import { factBytes } from '../fact.ts';
import { baseName, isBelow, mayBePath } from '../paths.ts';
import type { OutsideLook, OutsideName } from './outside-name.ts';
import { type TracedName, TraceNames } from './trace-names.ts';

export interface TraceContext {
  /** The directory of the job; paths that are not absolute begin there. */
  readonly cwd: string;
  readonly root: string;
  /** What the job writes by plan, resolved; how it finds them before that is of no weight. */
  readonly outputs: readonly string[];
  /** Files and directories of the tracing itself: not the command's. */
  readonly passedOver: readonly string[];
  /** Directories that a program keeps for itself, by its base name: passed over in a job that it takes part in. */
  readonly ownDirectories: Readonly<Record<string, readonly string[]>>;
  /** The variables TZ and PATH. */
  readonly timeZone: string | undefined;
  readonly searchPath: string | undefined;
}

export interface Traced {
  /** Why this is not all that the job depended on, or not to be compared; undefined if it is. */
  readonly gap: string | undefined;
  /**
   * Files of the share that it looked at, with `..` left in; of what it opened, what that was when it was opened first, as
   * a record of src/native/fact.h.
   */
  readonly files: ReadonlyMap<string, string | undefined>;
  /** Directories of the share in which it looked names up, found or not, with `..` left in. */
  readonly searched: readonly string[];
  readonly outside: readonly OutsideName[];
  /** Files that it read and then changed itself: what they were can only be known from before. */
  readonly replaced: readonly string[];
  /** What it made or changed, outputs by plan left out: of the share, and outside. */
  readonly made: readonly string[];
  readonly madeOutside: readonly string[];
}

const notFound = 2;
const nameTooLong = 36;
const errno = { absent: [notFound, 20], exhausted: new Map<number, string>() };
for (const [number, name] of [
  [5, 'EIO'],
  [12, 'ENOMEM'],
  [23, 'ENFILE'],
  [24, 'EMFILE'],
  [27, 'EFBIG'],
  [28, 'ENOSPC'],
  [30, 'EROFS'],
  [110, 'ETIMEDOUT'],
  [116, 'ESTALE'],
  [122, 'EDQUOT'],
] as const)
  errno.exhausted.set(number, name);

/** What is the same to a compiler wherever it runs, or only tells it how much memory and how many processors there are. */
const harmlessSpecial =
  /^\/(?:dev\/(?:null|zero|full|u?random|tty|fd)|proc\/(?:self\/(?:exe|fd\/.*|maps|cgroup|status|mountinfo|auxv)|cpuinfo|meminfo|stat|filesystems|sys\/.*)|sys\/(?:devices\/system\/cpu|fs\/cgroup|kernel\/mm)(?:\/.*)?)$/;
const lookOf: Readonly<Record<string, OutsideLook>> = { d: 'names', l: 'link', p: 'place' };

/**
 * What a trace says.
 *
 * @param records - each a letter, an errno as one character, a path and a NUL, and behind an `R` what was opened; see record.h there.
 * @param names - of this share, as earlier traces had them.
 */
export function readTrace(
  records: string,
  context: TraceContext,
  names: TraceNames = new TraceNames(context.root),
): Traced {
  const reader = new TraceReader(context, names);
  const nextName = names.reader(context.cwd);
  for (let at = 0; at < records.length; ) {
    const deed = records[at] as string;
    // Its writer had taken the place and was ended before it filled it.
    const traced = deed === '\0' ? undefined : nextName(records, at + 2);
    const end = at + 2 + (traced?.record.length ?? 0);
    const next = end + (deed === 'R' ? factBytes : 0);
    if (traced === undefined || next > records.length) {
      reader.gap ??= 'a program was ended while it wrote its trace';
      break;
    }
    if (deed === 'R') reader.takeSeen(traced, records.slice(end, next));
    else reader.take(deed, records.charCodeAt(at + 1), traced);
    at = next;
  }
  return reader.end();
}

class TraceReader {
  readonly #context: TraceContext;
  readonly #names: TraceNames;
  readonly #outputs: ReadonlySet<string>;
  readonly #passedOver: string[];
  readonly #files = new Map<string, string | undefined>();
  /** Of what was read: as it was named, by resolved path. */
  readonly #contents = new Map<string, string>();
  readonly #searched = new Set<string>();
  readonly #outside = new Set<OutsideName>();
  readonly #replaced = new Set<string>();
  readonly #made = new Set<string>();
  readonly #madeOutside = new Set<string>();
  /** Begun by an exec of another program of the job; the first by the runner. */
  #expected = 1;
  #begun = 0;
  gap: string | undefined;

  constructor(context: TraceContext, names: TraceNames) {
    this.#context = context;
    this.#names = names;
    this.#outputs = new Set(context.outputs);
    this.#passedOver = [...context.passedOver];
  }

  /** It was opened for reading. @param fact - what it was then; a NUL first if its writer came to no more. */
  takeSeen(traced: TracedName, fact: string): void {
    this.#name('r', 0, traced, fact.startsWith('\0') ? undefined : fact);
  }

  take(deed: string, error: number, traced: TracedName): void {
    switch (deed) {
      case 'h':
        this.#begun += 1;
        this.#passedOver.push(...(this.#context.ownDirectories[baseName(traced.name)] ?? []));
        return this.#name('r', 0, traced);
      case 'x':
        this.#expected += error === 0 ? 1 : -1;
        return this.#program(traced);
      case 'o':
        this.gap ??= `it used ${traced.name}`;
        return;
      case 'z':
        this.#zone();
        return;
      default:
        this.#name(deed, error, traced);
    }
  }

  end(): Traced {
    if (this.#begun < this.#expected)
      this.gap ??=
        this.#begun === 0
          ? 'its program cannot be traced: it is linked statically, or for another machine'
          : 'a program that it started cannot be traced';
    return {
      gap: this.gap,
      files: this.#files,
      searched: [...this.#searched],
      outside: [...this.#outside],
      replaced: [...this.#replaced],
      made: [...this.#made].filter((path) => !this.#outputs.has(path)),
      madeOutside: [...this.#madeOutside],
    };
  }

  #name(deed: string, error: number, traced: TracedName, fact?: string): void {
    const { path, resolved, place } = traced;
    // Said of the name alone, it is so on every machine; a file system may have less room for names than others.
    const isTooLong = error === nameTooLong && !mayBePath(traced.name);
    if (isTooLong || this.#passesOver(resolved)) return;
    const exhausted = error === 0 ? undefined : errno.exhausted.get(error);
    if (exhausted !== undefined) this.gap ??= `${path}: ${exhausted}`;
    const changes = deed === 'w' || deed === 'u' || deed === 'm';
    if (place === 'special') return this.#special(deed, error, resolved);
    if (changes && error === 0) this.#changed(deed, traced);
    else if (place === 'outside') this.#lookedOutside(deed, traced);
    else this.#looked(deed, error, traced, fact);
  }

  #passesOver(resolved: string): boolean {
    const passed = this.#passedOver;
    for (let at = 0; at < passed.length; at += 1) if (isBelow(passed[at] as string, resolved)) return true;
    return false;
  }

  #special(deed: string, error: number, path: string): void {
    if (error !== 0 || harmlessSpecial.test(path) || deed === 's' || deed === 'l') return;
    this.gap ??= `it used ${path}`;
  }

  /** A file of the job's own making is read without depending on anything, so it must be known as such first. */
  #changed(deed: string, traced: TracedName): void {
    const { path, resolved, place } = traced;
    const isNew = !this.#made.has(resolved) && !this.#madeOutside.has(resolved);
    const readAs = this.#contents.get(resolved);
    if (readAs !== undefined || (deed === 'u' && isNew)) {
      this.#contents.delete(resolved);
      this.#files.delete(readAs ?? path);
      this.#outside.delete(this.#names.of(this.#context.cwd, readAs ?? path).lookedAt('content'));
      this.#replaced.add(resolved);
    }
    if (place === 'share') {
      this.#made.add(resolved);
      if (!this.#outputs.has(resolved)) this.#search(traced);
    } else {
      if (isNew && deed === 'm') this.gap ??= `it changed ${path}`;
      this.#madeOutside.add(resolved);
    }
  }

  #lookedOutside(deed: string, traced: TracedName): void {
    const { path, resolved } = traced;
    if (this.#madeOutside.has(resolved)) return;
    if (deed === 'r') this.#contents.set(resolved, path);
    this.#outside.add(traced.lookedAt(lookOf[deed] ?? 'content'));
  }

  #looked(deed: string, error: number, traced: TracedName, fact: string | undefined): void {
    const { path, resolved } = traced;
    if (this.#outputs.has(resolved) || this.#made.has(resolved)) {
      if (deed === 'r' && error === 0 && !this.#made.has(resolved)) this.#contents.set(resolved, path);
      return;
    }
    this.#search(traced);
    if (errno.absent.includes(error)) return;
    if (deed === 'd') {
      this.#searched.add(path);
      return;
    }
    // The first is the strictest: what it has become since is looked at by who compares.
    if (this.#files.get(path) === undefined) this.#files.set(path, fact);
    if (deed === 'r') this.#contents.set(resolved, path);
  }

  #search({ directory }: TracedName): void {
    if (directory !== undefined) this.#searched.add(directory);
  }

  /** The one that was begun is compared when it tells of itself; here, whether this name leads to it. */
  #program(traced: TracedName): void {
    const { name } = traced;
    if (name.includes('/')) return this.#name('p', 0, traced);
    // In a directory of the share no file needs to have this name: the directory was searched, no more is known.
    for (const directory of (this.#context.searchPath ?? '').split(':'))
      if (directory.startsWith('/'))
        this.#name('p', notFound, this.#names.of(this.#context.cwd, `${directory}/${name}`));
  }

  #zone(): void {
    const { timeZone = '' } = this.#context;
    const zone = timeZone.replace(/^:/, '');
    const named = zone.startsWith('/') ? zone : `/usr/share/zoneinfo/${zone}`;
    const read = this.#names.of(this.#context.cwd, zone === '' ? '/etc/localtime' : named);
    this.#outside.add(read.lookedAt('content'));
  }
}
