/**
 * What happens to a peer as a whole, and what its parts say without knowing who listens. A part asks only parts that
 * were made before it; what it has to say to later ones it emits here, so none is used before it is made.
 */
import { EventEmitter } from 'node:events';
import type { LoadReport } from '../core/load-report.ts';
import type { PeerName } from '../core/schedule/contract.ts';
import type { FactPair } from '../core/view/facts.ts';
import type { ControlFrame, SwarmPeer } from '../swarm/contract.ts';
import type { JobChannel } from '../swarm/libp2p/channel.ts';
import type { DoctorSaid } from './mesh/control-inbox.ts';

export interface PeerEvents {
  met: [peer: SwarmPeer];
  /** `graceMs`: for how long its commands may still write. */
  gone: [peer: PeerName, graceMs: number];
  control: [peer: PeerName, frame: ControlFrame];
  /** A peer asks what is wrong here, or answers what is wrong there. */
  doctor: [peer: PeerName, said: DoctorSaid];
  /** A peer has opened a stream for a job. */
  job: [peer: PeerName, channel: JobChannel];
  /** A peer has opened a stream to have its files worked in. */
  tree: [peer: PeerName, channel: JobChannel];
  silent: [peer: PeerName];
  well: [peer: PeerName];
  /** This peer is a member of one more share. */
  joined: [root: string];
  /** Jobs may go to that peer from now on. */
  usable: [peer: PeerName];
  /** That peer's machine and this one were made known to each other: it is of the same person. */
  known: [peer: PeerName];
  /** It was known and is no longer. Unless it forgot us, its connection ends right after this. */
  'known-ended': [peer: PeerName];
  /** What two machines see of one file that nobody changes. */
  compared: [root: string, pair: FactPair];
  /** A newer load report of a connected peer. */
  report: [report: LoadReport];
  /** A peer says that a slot fell free for this one. */
  free: [report: LoadReport];
  /** Work for others began or ended: other slots are free than before. */
  worked: [];
  /** The dispatcher, or the worker's state machine, asked to be called again now. */
  'dispatcher-due': [];
  'worker-due': [];
  /** The peer cannot go on. */
  lost: [why: string];
}

export class Lifecycle extends EventEmitter<PeerEvents> {
  readonly #stops: (() => void | Promise<void>)[] = [];
  #lostWhy: string | undefined;

  constructor() {
    super();
    // The runner may be lost while later parts are still being made and nobody listens.
    this.on('lost', (why) => {
      this.#lostWhy ??= why;
    });
    // One for each part that has something to forget; there are as many parts as the code names.
    this.setMaxListeners(0);
  }

  /** Why the peer cannot go on, since `lost` was emitted. */
  get lostWhy(): string | undefined {
    return this.#lostWhy;
  }

  /** Registers a step of the end. Steps are done one after the other, the last registered first. */
  onStop(step: () => void | Promise<void>): void {
    this.#stops.push(step);
  }

  /** Does all steps; one that fails keeps none of the others from being done. @returns what failed. */
  async stopAll(): Promise<unknown[]> {
    const faults: unknown[] = [];
    for (let step = this.#stops.pop(); step !== undefined; step = this.#stops.pop()) {
      try {
        await step();
      } catch (fault) {
        faults.push(fault);
      }
    }
    return faults;
  }
}
