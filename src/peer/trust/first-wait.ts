/**
 * Lets the first job in a share wait a moment, until the peers that are connected have found this peer's file there, and the first
 * one that is in no share, until they have shown who they are: a build that starts right after its peer then has the whole swarm.
 */
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { type StartTimer, startTimer } from '../alarm.ts';

const mostMs = 400;

export interface FirstWaitInit {
  readonly now: () => number;
  readonly neighbours: () => readonly PeerName[];
  /** Whether that peer and this one have found each other on the share. */
  readonly isUsable: (peer: PeerName, root: string) => boolean;
  readonly startTimer?: StartTimer;
}

export class FirstWait {
  readonly #init: FirstWaitInit;
  /** By root of the share; each is waited for once. */
  readonly #waits = new Map<string, Promise<void>>();
  readonly #wakers = new Set<() => void>();

  constructor(init: FirstWaitInit) {
    this.#init = init;
  }

  /** Settles when all neighbours are usable on the share, or the time is up. */
  settled(root: string): Promise<void> {
    return getOrMake(this.#waits, root, () => this.#settle(root));
  }

  /** A peer became usable, or is gone. */
  wake(): void {
    const wakers = [...this.#wakers];
    this.#wakers.clear();
    for (const wake of wakers) wake();
  }

  async #settle(root: string): Promise<void> {
    const { now, neighbours, isUsable } = this.#init;
    const deadlineMs = now() + mostMs;
    while (neighbours().some((peer) => !isUsable(peer, root)) && now() < deadlineMs) {
      await new Promise<void>((resolve) => {
        const cancel = (this.#init.startTimer ?? startTimer)(deadlineMs - now(), () => this.wake());
        this.#wakers.add(() => {
          cancel();
          resolve();
        });
      });
    }
  }
}
