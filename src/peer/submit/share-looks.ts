/**
 * Looks at what the views of one share ask for. Where the share lies on a disk of this machine that is watched (./share-watch.ts), and
 * its changes are told to the view; what is not watched is looked at plainly.
 */
import { factBytes } from '../../core/fact.ts';
import type { LookStep, NamedFact } from '../../core/view/contract.ts';
import type { SubmitterView } from '../../core/view/submitter.ts';
import type { Disk } from '../../share/disk.ts';
import { KnownFacts } from '../../share/known-facts.ts';
import { isLost, ShareWatch } from './share-watch.ts';

/** Whoever tells of changes and is lost is not started again at once. */
const startAgainMs = 60_000;
/** Without a job for so long, nobody tells of changes until the next one. */
const defaultIdleMs = 600_000;
/** Paths of which no changes are told; more are forgotten together. */
const maxUnwatched = 65_536;

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

export class ShareLooks {
  readonly #init: ShareLooksInit;
  readonly #facts = new KnownFacts();
  #watch: ShareWatch | undefined;
  /** Before that none is started. */
  #watchFromMs = 0;
  readonly #unwatched = new Set<string>();
  #isClosed = false;

  constructor(init: ShareLooksInit) {
    this.#init = init;
  }

  /** @throws DiskError */
  async take(step: LookStep): Promise<void> {
    const beganMs = this.#init.now();
    const isWatched = (path: string): boolean => this.#watch !== undefined && !this.#unwatched.has(path);
    const watched = step.paths.filter(isWatched);
    const rest = watched.length === 0 ? step.paths : step.paths.filter((path) => !isWatched(path));
    const [isLooked, looks] = await Promise.all([
      this.#lookWatched(watched, beganMs),
      this.#init.disk.look({ paths: rest, links: step.links, lists: step.lists }),
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
      onTold: (told, beganMs) => view.told(told, beganMs),
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
