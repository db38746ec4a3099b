/**
 * What attempts may still have written after they were given up, as their worker was not heard: a machine that was frozen
 * or cut off finishes, or ends, its commands when it is back. Then it is looked at again, and what has hidden names removed.
 */
import { BoundedMap } from '../../core/bounded-map.ts';
import type { Fact } from '../../core/fact.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { identical } from '../../core/view/facts.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import { type ByteString, toText } from '../../wire/bytes.ts';
import type { Seen } from '../../wire/values.ts';
import { type StartTimer, startTimer } from '../alarm.ts';

/** After its return; the last is later than any command of its can be that lives without a submitter. */
const looksAfterMs = [500, 3_000, 15_000];
const mostPeers = 64;
/** Paths that are kept of one peer: the newest. */
const mostPaths = 512;

export interface AftermathInit {
  readonly disk: Disk;
  /** Never rejects. */
  readonly removeHidden: (hidden: readonly ByteString[]) => Promise<void>;
  /** A file has changed, and nobody here has asked for that: workers must open it anew. */
  readonly onChanged: (root: ByteString, seen: Seen) => void;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
  readonly startTimer?: StartTimer;
}

interface GivenUp {
  readonly root: ByteString;
  readonly isHidden: boolean;
  /** In place: as it was at the newest look. */
  fact: Fact | undefined;
}

export class Aftermath {
  readonly #init: AftermathInit;
  readonly #givenUp = new BoundedMap<PeerName, BoundedMap<ByteString, GivenUp>>(mostPeers);

  constructor(init: AftermathInit) {
    this.#init = init;
  }

  /** An attempt was given up unheard. */
  giveUp(
    peer: PeerName,
    root: ByteString,
    hidden: readonly ByteString[],
    inPlace: readonly ByteString[],
  ): void {
    const paths = getOrMake(this.#givenUp, peer, () => new BoundedMap<ByteString, GivenUp>(mostPaths));
    for (const path of hidden) paths.set(path, { root, isHidden: true, fact: undefined });
    for (const path of inPlace) paths.set(path, { root, isHidden: false, fact: undefined });
  }

  /** That peer is heard again. */
  back(peer: PeerName): void {
    const paths = this.#givenUp.get(peer);
    if (paths === undefined || paths.size === 0) return;
    this.#givenUp.delete(peer);
    void this.#look(peer, paths);
    for (const afterMs of looksAfterMs)
      (this.#init.startTimer ?? startTimer)(afterMs, () => void this.#look(peer, paths));
  }

  /** Never rejects. */
  async #look(peer: PeerName, paths: ReadonlyMap<ByteString, GivenUp>): Promise<void> {
    const hidden = [...paths].flatMap(([path, { isHidden }]) => (isHidden ? path : []));
    const inPlace = [...paths].flatMap(([path, { isHidden }]) => (isHidden ? [] : path));
    await this.#init.removeHidden(hidden);
    if (inPlace.length === 0) return;
    try {
      const facts = await readFacts(this.#init.disk, inPlace, { fresh: true });
      for (const [index, path] of inPlace.entries()) this.#weigh(peer, path, paths.get(path), facts[index]);
    } catch (error) {
      this.#init.log('what a lost worker wrote could not be looked at', { peer, error: String(error) });
    }
  }

  #weigh(peer: PeerName, path: ByteString, given: GivenUp | undefined, fact: Fact | undefined): void {
    if (given === undefined || fact === undefined) return;
    const { fact: before, root } = given;
    given.fact = fact;
    if (before === undefined || identical(before, fact)) return;
    this.#init.onChanged(root, { path, fact });
    this.#init.log('a file changed while a worker came back that had been given up', {
      peer,
      path: toText(path),
    });
  }
}
