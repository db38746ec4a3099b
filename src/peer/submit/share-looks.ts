/**
 * Looks at what the views of one share ask for. Where the share lies on a disk of this machine that is watched (./share-watch.ts), and
 * its changes are told to the view; what is not watched is looked at plainly.
 */
import { factBytes } from '../../core/fact.ts';
import { isTreePath } from '../../core/tree/tree-path.ts';
import type { LookStep, NamedFact } from '../../core/view/contract.ts';
import { HeldNames } from '../../core/view/held-names.ts';
import type { OutsideName } from '../../core/view/outside-name.ts';
import type { SubmitterView } from '../../core/view/submitter.ts';
import type { NameHolding } from '../../machine/outside-names.ts';
import type { Disk } from '../../share/disk.ts';
import { KnownFacts } from '../../share/known-facts.ts';
import type { LookRequest, Looks } from '../../share/look-answer.ts';
import { isLost, ShareWatch } from './share-watch.ts';

/** Whoever tells of changes and is lost is not started again at once. */
const startAgainMs = 60_000;
/** Without a job for so long, nobody tells of changes until the next one. */
const defaultIdleMs = 600_000;
/** Paths of which no changes are told; more are forgotten together. */
const maxUnwatched = 65_536;

const nothing: Looks = { records: new Uint8Array(), targets: [], names: [] };

export interface ShareLooksInit {
  readonly root: string;
  readonly disk: Disk;
  readonly now: () => number;
  /** What is seen, and what changes, is told to it. */
  readonly view: SubmitterView;
  /** swarmtree, compiled. Undefined: all is looked at for each job. */
  readonly watchProgram: string | undefined;
  /** @default 600000 */
  readonly watchIdleMs?: number;
  /** See {@link ShareWatch}. */
  readonly mostWatched?: number | undefined;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

/** More are not needed: each is a step on the way of a name, or through a link. */
const maxHoldSteps = 100;

export class ShareLooks {
  readonly #held: HeldNames;
  readonly #init: ShareLooksInit;
  readonly #facts = new KnownFacts();
  #watch: ShareWatch | undefined;
  /** Before that none is started. */
  #watchFromMs = 0;
  readonly #unwatched = new Set<string>();
  #isClosed = false;

  constructor(init: ShareLooksInit) {
    this.#init = init;
    this.#held = new HeldNames(init.root);
  }

  /**
   * Has changes of names outside the share told. What they are is to be looked at after this.
   *
   * @returns for each name undefined where not every change is told; nothing at all where nobody tells of any.
   * @throws DiskError
   */
  async hold(names: readonly OutsideName[]): Promise<readonly (NameHolding | undefined)[]> {
    const held = this.#held;
    const watch = this.#watch;
    if (watch === undefined) return [];
    try {
      for (let steps = 0; steps < maxHoldSteps; steps += 1) {
        const wanted = held.wanted(names);
        if (wanted === undefined) break;
        const { epoch } = held;
        await Promise.all([
          this.#sightWatched(watch, wanted.watched.toSorted(), epoch),
          this.#sightPlain(wanted.plain, epoch),
        ]);
        if (watch !== this.#watch) return [];
      }
    } catch (error) {
      if (!isLost(error)) throw error;
      this.#loseWatch(watch, String(error));
      return [];
    }
    const { epoch } = held;
    const holding = { isCurrent: (sinceMs: number) => held.isCurrent(epoch, sinceMs) };
    return held.holds(names).map((holds) => (holds ? holding : undefined));
  }

  async #sightWatched(watch: ShareWatch, paths: readonly string[], epoch: number): Promise<void> {
    if (paths.length === 0) return;
    const looks = (await watch.look(paths)).flatMap((part) => part.looks);
    const facts = looks.map(({ record }, at) => this.#facts.of(paths[at] ?? '', record).fact);
    const targets = await this.#targetsOf(paths.filter((_, at) => facts[at]?.kind === 'link'));
    const sights = paths.map((path, at) => ({
      path,
      kind: facts[at]?.kind ?? ('other' as const),
      target: targets.get(path),
    }));
    const telling = new Set(paths.filter((_, at) => looks[at]?.holds === true));
    this.#held.saw(epoch, sights, (path) => telling.has(path));
  }

  async #sightPlain(paths: readonly string[], epoch: number): Promise<void> {
    if (paths.length === 0) return;
    const { records } = await this.#init.disk.look({ paths, links: [], lists: [] });
    const seen = this.#factsOf(paths, records);
    const targets = await this.#targetsOf(
      seen.flatMap(({ path, fact }) => (fact.kind === 'link' ? path : [])),
    );
    this.#held.saw(
      epoch,
      seen.map(({ path, fact }) => ({ path, kind: fact.kind, target: targets.get(path) })),
    );
  }

  async #targetsOf(links: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    const { targets } = await this.#look({ paths: [], links, lists: [] });
    return new Map(links.map((path, at) => [path, targets[at]]));
  }

  /** @throws DiskError */
  async take(step: LookStep): Promise<void> {
    const beganMs = this.#init.now();
    const isWatched = (path: string): boolean =>
      this.#watch !== undefined && !this.#unwatched.has(path) && isTreePath(path);
    // swarmtree keeps the directory open that it looked into last.
    const watched = step.paths.filter(isWatched).toSorted();
    const rest = watched.length === 0 ? step.paths : step.paths.filter((path) => !isWatched(path));
    const [isLooked, looks] = await Promise.all([
      this.#lookWatched(watched, beganMs),
      this.#look({ paths: rest, links: step.links, lists: step.lists }),
    ]);
    this.#init.view.observe(this.#factsOf(rest, looks.records), beganMs, this.#init.now());
    if (!isLooked) {
      const again = await this.#init.disk.look({ paths: watched, links: [], lists: [] });
      this.#init.view.observe(this.#factsOf(watched, again.records), beganMs, this.#init.now());
    }
    this.#init.view.observeLinks(
      step.links.flatMap((path, index) => {
        const target = looks.targets[index];
        return target === undefined ? [] : [{ path, target }];
      }),
    );
    this.#init.view.observeLists(pair(step.lists, looks.names, 'names'), beganMs);
  }

  /** A question of nothing would cost as much as one of many. */
  async #look(request: LookRequest): Promise<Looks> {
    const isEmpty = request.paths.length + request.links.length + request.lists.length === 0;
    return isEmpty ? nothing : await this.#init.disk.look(request);
  }

  /** @returns false if these are to be looked at otherwise. */
  async #lookWatched(paths: readonly string[], beganMs: number): Promise<boolean> {
    const watch = this.#watch;
    if (watch === undefined || paths.length === 0) return true;
    try {
      const parts = await watch.look(paths);
      // What an earlier one saw nobody will tell to have changed.
      if (watch !== this.#watch || parts.some(({ errno }) => errno !== 0)) return false;
      let next = 0;
      for (const { generation, looks } of parts) {
        const held = new Set<string>();
        const seen = looks.map(({ holds, record }) => {
          const path = paths[next++] as string;
          if (holds) held.add(path);
          else this.#leaveUnwatched(path);
          return this.#facts.of(path, record);
        });
        this.#init.view.observe(seen, beganMs, this.#init.now(), { generation, paths: held });
      }
      return true;
    } catch (error) {
      if (!isLost(error)) throw error;
      this.#loseWatch(watch, String(error));
      return false;
    }
  }

  #leaveUnwatched(path: string): void {
    if (this.#unwatched.size >= maxUnwatched) this.#unwatched.clear();
    this.#unwatched.add(path);
  }

  /** All that changed before a job was handed in is known after this, as far as it is told. */
  async hearChanges(handedInMs: number): Promise<void> {
    this.#startWatch();
    const watch = this.#watch;
    if (watch === undefined) return;
    try {
      await watch.hear(handedInMs);
    } catch (error) {
      if (!isLost(error)) throw error;
      this.#loseWatch(watch, String(error));
    }
  }

  /** Where the disk is this machine's own. Nobody waits for it: until it is there all is looked at. */
  #startWatch(): void {
    const { root, now, view, mostWatched, watchProgram: program } = this.#init;
    if (program === undefined || now() < this.#watchFromMs) return;
    this.#watchFromMs = Number.POSITIVE_INFINITY;
    ShareWatch.start({
      program,
      root,
      now,
      onTold: (told, beganMs) => {
        view.told(told, beganMs);
        this.#held.told(told, beganMs);
      },
      onLost: (why) => this.#loseWatch(this.#watch, why),
      onIdle: () => this.#endWatch(0),
      idleMs: this.#init.watchIdleMs ?? defaultIdleMs,
      mostWatched,
    }).then(
      (watch) => {
        this.#watch = watch;
        if (watch === undefined) this.#tellLost('its file system does not tell all, or no watch is left');
        if (this.#isClosed) void watch?.close();
      },
      (error: unknown) => {
        this.#watchFromMs = now() + startAgainMs;
        this.#tellLost(String(error));
      },
    );
  }

  #loseWatch(watch: ShareWatch | undefined, why: string): void {
    if (watch === undefined || watch !== this.#watch) return;
    this.#endWatch(startAgainMs);
    this.#tellLost(why);
  }

  #tellLost(why: string): void {
    this.#init.log('nobody tells of changes in a share: all is looked at for each job', {
      share: this.#init.root,
      why,
    });
  }

  #endWatch(againMs: number): void {
    const watch = this.#watch;
    this.#watch = undefined;
    this.#unwatched.clear();
    this.#init.view.lostSight();
    this.#held.forget();
    this.#watchFromMs = this.#init.now() + againMs;
    void watch?.close();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#watch?.close();
  }

  #factsOf(paths: readonly string[], records: Uint8Array): NamedFact[] {
    const bytes = Buffer.from(records.buffer, records.byteOffset, records.byteLength);
    return paths.map((path, index) =>
      this.#facts.of(path, bytes.toString('latin1', index * factBytes, (index + 1) * factBytes)),
    );
  }
}

function pair<Value, Key extends string>(
  paths: readonly string[],
  values: readonly Value[],
  key: Key,
): ({ path: string } & Record<Key, Value>)[] {
  return paths.flatMap((path, index) => {
    const value = values[index];
    return value === undefined ? [] : [{ path, [key]: value } as { path: string } & Record<Key, Value>];
  });
}
