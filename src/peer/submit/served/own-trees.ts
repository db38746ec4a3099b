/** The served trees of this machine, one a project, each started when its first job wants it. */

import { BoundedMap } from '../../../core/bounded-map.ts';
import { isBelow } from '../../../core/paths.ts';
import type { PeerName } from '../../../core/schedule/contract.ts';
import { writableAreas } from '../../../core/tree/serving-policy.ts';
import type { Disk } from '../../../share/disk.ts';
import type { JobChannel } from '../../../swarm/libp2p/channel.ts';
import { type ByteString, fromText } from '../../../wire/bytes.ts';
import { OwnTree } from './own-tree.ts';

/** Without a job for so long, a tree ends, and with it what workers hold of it. */
const idleMs = 600_000;
const mostTrees = 8;
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

interface Entry {
  readonly tree: Promise<OwnTree>;
  open: OwnTree | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class OwnTrees {
  readonly #init: OwnTreesInit;
  /** By the first area, and what else is shown. */
  readonly #trees = new Map<ByteString, Entry>();
  readonly #places = new BoundedMap<
    string,
    { readonly place: Promise<ServedPlace | string>; readonly untilMs: number }
  >(mostPlaces);
  #count = 0;

  constructor(init: OwnTreesInit) {
    this.#init = init;
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

  /** @throws SwarmError `E_TREE`, DiskError */
  async of(place: ServedPlace): Promise<OwnTree> {
    const top = [place.areas[0], ...place.shown].join(':');
    let entry = this.#trees.get(top);
    if (entry === undefined || entry.open?.isOver === true) entry = this.#start(top, place);
    // The newest used is the last.
    this.#trees.delete(top);
    this.#trees.set(top, entry);
    const tree = await entry.tree;
    this.#endLater(top, entry);
    return tree;
  }

  close(): void {
    for (const top of this.#trees.keys()) this.#end(top);
  }

  #start(top: ByteString, { areas, shown }: ServedPlace): Entry {
    const { program, closed, openTree, log, disk } = this.#init;
    if (program === undefined) throw new Error('internal: a tree without swarmtree');
    const [oldest] = this.#trees.keys();
    if (this.#trees.size >= mostTrees && oldest !== undefined) this.#end(oldest);
    this.#count += 1;
    const id = String(this.#count);
    const start = async (): Promise<OwnTree> => {
      const device = BigInt(await disk.run('deviceOf', areas[0] ?? '/'));
      return await OwnTree.start({
        program,
        areas,
        shown,
        never: await closed(),
        id,
        device,
        openTree,
        onLost: (why) => {
          log('the files of this machine are not served any more', { tree: top, why });
          if (this.#trees.get(top) === entry) this.#end(top);
        },
      });
    };
    const entry: Entry = { tree: start(), open: undefined, timer: undefined };
    entry.tree.then(
      (tree) => {
        entry.open = tree;
      },
      () => {
        // Told to whoever waits for it; the next job tries again.
        if (this.#trees.get(top) === entry) this.#trees.delete(top);
      },
    );
    return entry;
  }

  #endLater(top: ByteString, entry: Entry): void {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => {
      if (this.#trees.get(top) === entry) this.#end(top);
    }, idleMs);
    entry.timer.unref();
  }

  #end(top: ByteString): void {
    const entry = this.#trees.get(top);
    if (entry === undefined) return;
    clearTimeout(entry.timer);
    this.#trees.delete(top);
    entry.tree.then(
      (tree) => tree.close(),
      () => undefined, // it never came up
    );
  }
}
