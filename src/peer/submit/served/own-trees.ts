/** The served trees of this machine, one a project, each started when its first job wants it. */

import { BoundedMap } from '../../../core/bounded-map.ts';
import { isBelow } from '../../../core/paths.ts';
import type { PeerName } from '../../../core/schedule/contract.ts';
import {
  createKeptTrees,
  type KeptTreesEvent,
  keepTrees,
  type TreeKey,
} from '../../../core/tree/kept-trees.ts';
import { ReadProfiles } from '../../../core/tree/read-profiles.ts';
import { writableAreas } from '../../../core/tree/serving-policy.ts';
import type { Disk } from '../../../share/disk.ts';
import type { JobChannel } from '../../../swarm/libp2p/channel.ts';
import { type ByteString, fromText } from '../../../wire/bytes.ts';
import { Alarm } from '../../alarm.ts';
import { OwnTree } from './own-tree.ts';

/** Without a job for so long, a tree ends, and with it what workers hold of it. */
const idleMs = 600_000;
const mostTrees = 8;
/** Projects of which it is remembered what their jobs read. */
const mostProfiled = 16;
/** A build asks for the same few directories hundreds of times a second. */
const believedMs = 5_000;
const mostPlaces = 1_024;

export interface OwnTreesInit {
  readonly disk: Disk;
  /** swarmtree, compiled; undefined where it is not there. */
  readonly program: string | undefined;
  /** What is never served of this machine, besides what never is anywhere. */
  readonly closed: () => Promise<readonly ByteString[]>;
  readonly openTree: (peer: PeerName) => JobChannel;
  readonly now: () => number;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

/** What decides where a job is served. */
export interface PlaceAsked {
  readonly cwd: ByteString;
  /** Root of the share in which it works, if there is one. */
  readonly share: ByteString | undefined;
  /** Its PATH. */
  readonly searchPath: ByteString;
}

/** Where a job is served. */
export interface ServedPlace {
  /** What it may write below, the first the directory of the user's own files. */
  readonly areas: readonly ByteString[];
  /** What it is shown besides, though not everybody may read it: where its programs are searched. */
  readonly shown: readonly ByteString[];
}

/** A tree that a job is in. */
export interface TreeLease {
  readonly tree: OwnTree;
  /** The job is over; may be called again. */
  readonly leave: () => void;
}

interface Entry {
  readonly tree: Promise<OwnTree>;
  open: OwnTree | undefined;
}

export class OwnTrees {
  readonly #init: OwnTreesInit;
  /** By the first area, and what else is shown. */
  readonly #trees = new Map<TreeKey, Entry>();
  #kept = createKeptTrees({ most: mostTrees, idleMs });
  readonly #alarm: Alarm;
  readonly #places = new BoundedMap<
    string,
    { readonly place: Promise<ServedPlace | string>; readonly untilMs: number }
  >(mostPlaces);
  /** By what the trees are known by, too. */
  readonly #profiles = new BoundedMap<ByteString, ReadProfiles>(mostProfiled);
  #count = 0;

  constructor(init: OwnTreesInit) {
    this.#init = init;
    this.#alarm = new Alarm(init.now, () => this.#step({ type: 'tick' }));
  }

  /**
   * Where jobs of a directory may write, if they are served; or why they cannot be.
   *
   * @throws DiskError
   */
  placeOf(asked: PlaceAsked): Promise<ServedPlace | string> {
    const key = [asked.cwd, asked.share ?? '', asked.searchPath].join('\x01');
    const nowMs = this.#init.now();
    const known = this.#places.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.place;
    const place = this.#findPlace(asked);
    this.#places.set(key, { place, untilMs: nowMs + believedMs });
    place.catch(() => this.#places.delete(key));
    return place;
  }

  async #findPlace({ cwd, share, searchPath }: PlaceAsked): Promise<ServedPlace | string> {
    if (this.#init.program === undefined) return 'this machine has no bin/swarmtree; install gcc or clang';
    const home = process.env['HOME'];
    const place = await this.#init.disk.run('workingPlace', {
      cwd,
      home: home === undefined ? undefined : fromText(home),
      search: searchPath.split(':').filter((directory) => directory.startsWith('/')),
    });
    if (place === undefined) return 'it does not exist';
    const areas = writableAreas({ ...place, share });
    if (typeof areas === 'string') return areas;
    const shown = place.search.filter((directory) => !areas.some((area) => isBelow(area, directory)));
    return { areas, shown };
  }

  /** A job is to be offered there. @throws SwarmError `E_TREE`, DiskError */
  async enter(place: ServedPlace): Promise<TreeLease> {
    const key = [place.areas[0], ...place.shown].join(':');
    const known = this.#trees.get(key);
    if (known?.open?.isOver === true) this.#gone(key, known);
    const entry = this.#trees.get(key) ?? this.#start(key, place);
    this.#step({ type: 'entered', tree: key });
    let hasLeft = false;
    const leave = (): void => {
      if (hasLeft) return;
      hasLeft = true;
      // Jobs of one that was started anew since are none of this one's.
      if (this.#trees.get(key) === entry) this.#step({ type: 'left', tree: key });
    };
    try {
      return { tree: await entry.tree, leave };
    } catch (error) {
      leave();
      throw error;
    }
  }

  close(): void {
    this.#alarm.cancel();
    for (const key of this.#trees.keys()) this.#end(key);
  }

  #start(key: TreeKey, { areas, shown }: ServedPlace): Entry {
    const { program, closed, openTree, log, disk, now } = this.#init;
    if (program === undefined) throw new Error('internal: a tree without swarmtree');
    this.#count += 1;
    const id = String(this.#count);
    const profiles = this.#profiles.use(key) ?? new ReadProfiles();
    this.#profiles.set(key, profiles);
    const start = async (): Promise<OwnTree> => {
      const device = BigInt(await disk.run('deviceOf', areas[0] ?? '/'));
      return await OwnTree.start({
        program,
        areas,
        shown,
        never: await closed(),
        id,
        device,
        profiles,
        now,
        openTree,
        onLost: (why) => {
          log('the files of this machine are not served any more', { tree: key, why });
          this.#gone(key, entry);
        },
      });
    };
    const entry: Entry = { tree: start(), open: undefined };
    entry.tree.then(
      (tree) => {
        entry.open = tree;
      },
      // Told to whoever waits for it; the next job tries again.
      () => this.#gone(key, entry),
    );
    this.#trees.set(key, entry);
    return entry;
  }

  #step(event: KeptTreesEvent): void {
    const [kept, actions] = keepTrees(this.#kept, event, this.#init.now());
    this.#kept = kept;
    for (const action of actions) {
      if (action.type === 'end') this.#end(action.tree);
      else this.#alarm.at(action.atMs);
    }
  }

  /** It has ended by itself. */
  #gone(key: TreeKey, entry: Entry): void {
    if (this.#trees.get(key) !== entry) return;
    this.#end(key);
    this.#step({ type: 'gone', tree: key });
  }

  #end(key: TreeKey): void {
    const entry = this.#trees.get(key);
    if (entry === undefined) return;
    this.#trees.delete(key);
    entry.tree.then(
      (tree) => tree.close(),
      () => undefined, // it never came up
    );
  }
}
