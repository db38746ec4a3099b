/** A model of swarmtree (src/native/swarmtree): one frame after the other, while the disk goes on changing. */
import type { TreeChange } from '../../../src/core/tree/contract.ts';
import { type Attributes, type Disk, type Inode, isEqual, split } from './disk.ts';
import type { HelperRules } from './helper-rules.ts';
import { type Event, Watches, type WatchNumber } from './inotify.ts';
import type { Process, Stage } from './stage.ts';
import type { ToldPart, TreeAnswer, TreeEntry, TreeRequest } from './tree-frames.ts';

interface Place {
  readonly path: string;
  readonly isFile: boolean;
  watch: WatchNumber | undefined;
  isUnwatched: boolean;
  /** What was told of names, where no events come. */
  readonly told: Map<string, TreeEntry>;
  isToldWhole: boolean;
}

const largeDirectory = 7;
const mostChanges = 30;
const mostSeen = 6;
const settledMs = 2_000;
const tries = 3;

const nameEvents: ReadonlySet<Event['what']> = new Set(['created', 'deleted', 'moved from', 'moved to']);
const goneEvents: ReadonlySet<Event['what']> = new Set(['gone', 'moved', 'ignored']);

export function isSameContent(one: Attributes, other: Attributes): boolean {
  return (
    one.inode === other.inode &&
    one.sizeBytes === other.sizeBytes &&
    one.mtimeMs === other.mtimeMs &&
    one.ctimeMs === other.ctimeMs
  );
}

export interface SwarmTreeLimits {
  readonly mostEvents: number;
  readonly mostWatches: number;
}

export class SwarmTree {
  readonly #stage: Stage;
  readonly #disk: Disk;
  readonly #rules: HelperRules;
  readonly #limits: SwarmTreeLimits;
  readonly #places = new Map<string, Place>();
  readonly #byWatch = new Map<WatchNumber, Set<Place>>();
  #watches: Watches;
  #changes = new Map<string, TreeChange>();
  #isEverything = false;
  #generation = 1;
  readonly #frames: (() => Process)[] = [];
  #isBusy = false;
  isDead = false;

  constructor(stage: Stage, disk: Disk, rules: HelperRules, limits: SwarmTreeLimits) {
    this.#stage = stage;
    this.#disk = disk;
    this.#rules = rules;
    this.#limits = limits;
    this.#watches = this.#open();
  }

  /** Takes in what has changed while nobody asks. */
  idle(): void {
    if (!this.#isBusy && !this.isDead) this.#drain();
  }

  kill(): void {
    this.isDead = true;
    this.#disk.watchers.delete(this.#watches);
  }

  ask(request: TreeRequest, answer: (answer: TreeAnswer) => void): void {
    this.#queue(function* (this: SwarmTree) {
      const told =
        request.type === 'list'
          ? yield* this.#list(request)
          : request.type === 'look'
            ? yield* this.#look(request)
            : yield* this.#read(request);
      if (!this.isDead) answer(told);
    });
  }

  barrier(compare: readonly string[], answer: (parts: readonly ToldPart[], asOf: number) => void): void {
    this.#queue(function* (this: SwarmTree) {
      for (const path of compare) yield* this.#compare(path);
      yield this.#moment();
      const early = this.#rules.looksAfterDrain ? undefined : yield* this.#see();
      this.#drain();
      const looked = early ?? (yield* this.#see());
      const isOfOneMoment = this.#watches.isQuiet || !this.#rules.looksInQuiet;
      if (!isOfOneMoment) this.#drain();
      const seen = isOfOneMoment ? looked : { seen: [], times: [] };
      const part = {
        generation: this.#generation,
        everything: this.#isEverything,
        changes: [...this.#changes.values()],
        ...seen,
      };
      this.#changes = new Map();
      this.#isEverything = false;
      if (!this.isDead) answer([part], this.#disk.change);
    });
  }

  /** What little has changed is told with what it is now, and so are the directories in which names changed. */
  *#see(changes = [...this.#changes.values()]): Process<Pick<ToldPart, 'seen' | 'times'>> {
    const seen: ToldPart['seen'][number][] = [];
    const times: ToldPart['times'][number][] = [];
    // In histories as short as these, what is asked for must be seen to hold as well.
    if (changes.length > mostSeen || this.#stage.dice.chance(0.5)) return { seen, times };
    for (const { directory, name } of changes) seen.push(yield* this.#seeName(directory, name));
    const changed = changes.flatMap(({ kind, directory }) => (kind === 'name' ? directory : []));
    for (const path of new Set(changed.filter((directory) => directory !== ''))) {
      const { directory, name } = split(path);
      const entry = yield* this.#seeName(directory, name);
      if (entry !== undefined) times.push({ directory, entry });
    }
    return { seen, times };
  }

  *#seeName(directory: string, name: string): Process<TreeEntry | undefined> {
    const opened = yield* this.#openListing(directory);
    if (opened === undefined) return undefined;
    const { place, inode } = opened;
    // What is compared is compared with what was told: by comparisons only.
    if (place.isUnwatched && this.#rules.leavesEventless) return undefined;
    const entry = this.#entry(place, inode, name);
    return place.isUnwatched && this.#rules.leavesEventless ? undefined : entry;
  }

  #queue(frame: (this: SwarmTree) => Process): void {
    this.#frames.push(frame.bind(this));
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#stage.spawn(this.#serve(), this.#moment());
  }

  *#serve(): Process {
    for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
      if (this.isDead) return;
      this.#drain();
      yield* frame();
    }
    this.#isBusy = false;
  }

  /** How long a system call takes: mostly nothing happens meanwhile. */
  #moment(): number {
    return this.#stage.dice.chance(0.2) ? this.#stage.dice.upTo(0.5) : 0;
  }

  // ---- Events ----

  #open(): Watches {
    const watches = new Watches(this.#limits.mostEvents, this.#limits.mostWatches);
    this.#disk.watchers.add(watches);
    return watches;
  }

  #drain(): void {
    if (this.#watches.isQuiet) return;
    // What is forgotten meanwhile raises events of its own.
    for (let events = this.#watches.drain(); events.length > 0; events = this.#watches.drain())
      for (const event of events) {
        if (event.what === 'overflow') {
          if (this.#rules.voidsAll) this.#startAnew();
          break; // the rest speaks of watches of the old instance
        }
        this.#take(event);
      }
    this.#generation += 1;
  }

  #startAnew(): void {
    this.#disk.watchers.delete(this.#watches);
    this.#watches = this.#open();
    this.#places.clear();
    this.#byWatch.clear();
    this.#changes = new Map();
    this.#isEverything = true;
    this.#stage.count('overflow');
  }

  #take({ watch, what, name }: Event): void {
    const places = this.#places.size === 0 ? [] : [...(this.#byWatch.get(watch) ?? [])];
    for (const place of this.#rules.tellsAllPlaces ? places : places.slice(0, 1)) {
      if (!this.#places.has(place.path)) continue;
      if (name !== '') {
        this.#note(nameEvents.has(what) ? 'name' : 'node', place.path, name);
        if (nameEvents.has(what)) this.#forget(`${place.path}/${name}`);
        continue;
      }
      const isGone = goneEvents.has(what);
      this.#notePath(isGone && !place.isFile ? 'name' : 'node', place.path);
      if (isGone) this.#forget(place.path);
    }
  }

  #note(kind: TreeChange['kind'], directory: string, name: string): void {
    if (this.#isEverything) return;
    const key = `${directory}/${name}`;
    const before = this.#changes.get(key);
    this.#changes.set(key, { kind: before?.kind === 'name' ? 'name' : kind, directory, name });
    if (this.#changes.size <= mostChanges) return;
    this.#changes = new Map();
    this.#isEverything = true;
  }

  #notePath(kind: TreeChange['kind'], path: string): void {
    if (path === '') this.#isEverything = true;
    else this.#note(kind, split(path).directory, split(path).name);
  }

  #forget(path: string): void {
    for (const place of this.#places.values()) {
      if (!place.path.startsWith(path) || !`${place.path}/`.startsWith(`${path}/`)) continue;
      this.#places.delete(place.path);
      const { watch } = place;
      const others = watch === undefined ? undefined : this.#byWatch.get(watch);
      others?.delete(place);
      if (watch === undefined || others === undefined || others.size > 0) continue;
      this.#byWatch.delete(watch);
      this.#watches.remove(watch);
    }
  }

  // ---- Reading ----

  #place(path: string, isFile: boolean): Place {
    const known = this.#places.get(path);
    if (known !== undefined && known.isFile === isFile) return known;
    if (known !== undefined) this.#forget(path);
    const place = { path, isFile, watch: undefined, isUnwatched: false, told: new Map(), isToldWhole: false };
    this.#places.set(path, place);
    return place;
  }

  #watch(place: Place, inode: Inode): void {
    if (place.watch !== undefined) return;
    place.watch = this.#watches.add(inode);
    if (place.watch === undefined || !this.#rules.staysCompared)
      place.isUnwatched = place.watch === undefined;
    if (place.watch === undefined) return;
    const others = this.#byWatch.get(place.watch) ?? new Set<Place>();
    this.#byWatch.set(place.watch, others.add(place));
  }

  /** Whether all that may happen to a file is seen: by a watch of its own, or as its name is compared, for which it is told once more. */
  #isCovered(path: string, inode: Inode): boolean {
    const { directory, name } = split(path);
    const own = this.#place(path, true);
    const place = this.#place(directory, false);
    this.#watch(own, inode);
    if (!own.isUnwatched || place.told.has(name)) return true;
    this.#unwatch(place);
    return false;
  }

  /** All that is told of it is compared from now on; what is made there comes by events as before. */
  #unwatch(place: Place): void {
    if (!place.isUnwatched) place.isToldWhole = false;
    place.isUnwatched = true;
  }

  /** Walks to a path, and watches the directories on the way. */
  *#reach(path: string): Process<Inode | undefined> {
    let inode: Inode | undefined = this.#disk.root;
    let way = '';
    for (const name of path.split('/').slice(1)) {
      if (inode.kind !== 'directory') return undefined;
      this.#watch(this.#place(way, false), inode);
      yield this.#moment();
      const next: Inode | undefined = inode.entries.get(name)?.at(-1)?.value;
      if (next === undefined) return undefined;
      inode = next;
      way = `${way}/${name}`;
    }
    return inode;
  }

  *#openListing(path: string): Process<{ place: Place; inode: Inode; attributes: Attributes } | undefined> {
    const inode = yield* this.#reach(path);
    if (inode?.kind !== 'directory') return undefined;
    let attributes = this.#disk.attributesOf(inode);
    yield this.#moment();
    const place = this.#place(path, false);
    if (this.#rules.watchesFirst) this.#watch(place, inode);
    if (this.#rules.looksWhenWatched) attributes = this.#disk.attributesOf(inode);
    return { place, inode, attributes };
  }

  #entry(place: Place, directory: Inode, name: string): TreeEntry {
    const inode = directory.entries.get(name)?.at(-1)?.value;
    if (inode === undefined) return { name, attributes: undefined, target: '' };
    const isLinked = inode.kind === 'file' && inode.links > 1 && this.#rules.watchesLinks;
    if (isLinked || (inode.kind === 'directory' && this.#rules.watchesDirectories)) {
      const own = this.#place(`${place.path}/${name}`, isLinked);
      this.#watch(own, inode);
      if (own.isUnwatched) this.#unwatch(place);
    }
    inode.isTold = true;
    return { name, attributes: this.#disk.attributesOf(inode), target: inode.target };
  }

  #tell(place: Place, directory: Inode, name: string): TreeEntry {
    const entry = this.#entry(place, directory, name);
    if (!place.isUnwatched) return entry;
    if (this.#rules.comparesTold) this.#remember(place, name, entry);
    else place.told.set(name, entry);
    return entry;
  }

  /** What was told before, to another worker maybe, is compared now: the next comparison is with what is told from here on. */
  #remember(place: Place, name: string, entry: TreeEntry): void {
    const told = place.told.get(name);
    place.told.set(name, entry);
    const isNews =
      told === undefined ? place.isToldWhole && entry.attributes !== undefined : !isSameEntry(entry, told);
    if (!isNews) return;
    this.#note(told !== undefined && isSameFile(entry, told) ? 'node' : 'name', place.path, name);
    this.#generation += 1;
  }

  *#list({ path, isWhole, hint }: Extract<TreeRequest, { type: 'list' }>): Process<TreeAnswer> {
    const opened = yield* this.#openListing(path);
    const generation = this.#generation;
    if (opened === undefined) return failed(path, generation, false);
    const { place, inode, attributes } = opened;
    const names = this.#disk.namesIn(inode);
    const isTold = isWhole || names.length <= largeDirectory;
    let entries: TreeEntry[] = [];
    for (let isAgain = true; isAgain; ) {
      const isCompared = place.isUnwatched;
      entries = [];
      for (const name of isTold ? names : hint === '' ? [] : [hint]) {
        if (this.#stage.dice.chance(0.1)) yield this.#moment();
        entries.push(this.#tell(place, inode, name));
      }
      isAgain = place.isUnwatched && !isCompared;
    }
    if (isTold) place.isToldWhole = true;
    if (!this.#rules.watchesFirst) {
      yield this.#moment();
      this.#watch(place, inode);
    }
    return {
      type: 'manifest',
      path,
      generation,
      isLook: false,
      isWhole: isTold,
      hasFailed: false,
      isEventless: place.isUnwatched,
      attributes,
      entries,
    };
  }

  *#look({ path, name }: Extract<TreeRequest, { type: 'look' }>): Process<TreeAnswer> {
    const opened = yield* this.#openListing(path);
    const generation = this.#generation;
    if (opened === undefined) return failed(path, generation, true);
    const { place, inode, attributes } = opened;
    const entries = [this.#tell(place, inode, name)];
    if (!this.#rules.watchesFirst) this.#watch(place, inode);
    return {
      type: 'manifest',
      path,
      generation,
      isLook: true,
      isWhole: false,
      hasFailed: false,
      isEventless: place.isUnwatched,
      attributes,
      entries,
    };
  }

  *#read({ path, piece, expected }: Extract<TreeRequest, { type: 'read' }>): Process<TreeAnswer> {
    const generation = this.#generation;
    const answer = {
      type: 'content',
      path,
      generation,
      isSettled: false,
      attributes: undefined,
      content: 0,
    } as const;
    const inode = yield* this.#reach(path);
    if (inode?.kind !== 'file') return { ...answer, outcome: 'failed' };
    if (this.#rules.watchesRead && !this.#isCovered(path, inode)) return { ...answer, outcome: 'changed' };
    for (let left = tries; left > 0; left--) {
      yield this.#moment();
      const attributes = this.#disk.attributesOf(inode);
      if (expected !== undefined && !isSameContent(attributes, expected))
        return { ...answer, outcome: 'changed' };
      yield this.#moment();
      const content = inode.content.at(-1)?.value[piece] ?? 0;
      yield this.#moment();
      if (this.#rules.looksTwice && !isSameContent(attributes, this.#disk.attributesOf(inode))) continue;
      const youngest = Math.max(attributes.mtimeMs, attributes.ctimeMs);
      const isSettled = this.#stage.nowMs - youngest > settledMs;
      return { ...answer, outcome: 'same', isSettled, attributes, content };
    }
    return { ...answer, outcome: 'changed' };
  }

  *#compare(path: string): Process {
    const place = this.#places.get(path);
    if (place === undefined || place.isFile) return;
    const inode = yield* this.#reach(path);
    const now = this.#places.get(path);
    if (inode?.kind !== 'directory' || now === undefined) {
      this.#notePath('name', path);
      this.#generation += 1;
      this.#forget(path);
    } else {
      for (const name of now.told.keys()) this.#remember(now, name, this.#entry(now, inode, name));
      for (const name of now.isToldWhole ? this.#disk.namesIn(inode) : [])
        if (!now.told.has(name)) this.#remember(now, name, this.#entry(now, inode, name));
    }
  }
}

function isSameEntry(one: TreeEntry, other: TreeEntry): boolean {
  if (one.attributes === undefined || other.attributes === undefined)
    return one.attributes === other.attributes;
  return one.target === other.target && isEqual(one.attributes, other.attributes);
}

/** As events would tell it: a directory in which something was made is the same one. */
function isSameFile({ attributes: one }: TreeEntry, { attributes: other }: TreeEntry): boolean {
  return (
    one !== undefined &&
    one.inode === other?.inode &&
    one.kind === other.kind &&
    (one.kind === 'file' || one.kind === 'directory')
  );
}

function failed(path: string, generation: number, isLook: boolean): TreeAnswer {
  return {
    type: 'manifest',
    path,
    generation,
    isLook,
    isWhole: false,
    hasFailed: true,
    isEventless: false,
    attributes: undefined,
    entries: [],
  };
}
