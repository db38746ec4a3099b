/**
 * Where streams for jobs arrive: those of strangers are turned away unread; of members, offers are handed on when they
 * are whole, and outputs that were not seen are sent.
 */
import { Bucket } from '../../core/bucket.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { strangerFrameBytes } from '../../swarm/libp2p/line.ts';
import { type Frame, FrameError } from '../../wire/frame.ts';
import { encodeRefused, type Fetch, parseFetch, parseOffer } from '../../wire/job-messages.ts';
import { memberFrameBytes } from '../../wire/limits.ts';
import type { StartTimer } from '../alarm.ts';
import type { TrustedPeers } from '../trust/trusted-peers.ts';
import { HostedJob } from './hosted-job.ts';

/** A stranger's stream that was refused is reset after this time. */
const turnedAwayMs = 1_000;
/** Strangers' streams that are told why. */
const courtesy = { burst: 32, perS: 8 } as const;

/** Who is told of a job, and of what is said on its stream. */
export interface JobReceiver {
  onOffer(job: HostedJob): void;
  onFrame(job: HostedJob, frame: Frame): void;
  /** The submitter has closed the stream, or is lost. */
  onGone(job: HostedJob): void;
}

export interface ReceptionInit {
  readonly members: Pick<TrustedPeers, 'standing' | 'proveAgain'>;
  readonly sendOutput: (peer: PeerName, channel: JobChannel, fetch: Fetch) => Promise<void>;
  readonly now: () => number;
  readonly startTimer: StartTimer;
  readonly log: (message: string, facts: Record<string, unknown>) => void;
}

export class Reception {
  readonly #init: ReceptionInit;
  readonly #receiver: JobReceiver;
  readonly #courtesy: Bucket;

  constructor(init: ReceptionInit, receiver: JobReceiver) {
    this.#init = init;
    this.#receiver = receiver;
    this.#courtesy = new Bucket(courtesy, init.now());
  }

  /** A peer has opened a stream. */
  open(peer: PeerName, channel: JobChannel): void {
    const { members } = this.#init;
    const standing = members.standing(peer);
    if (standing === 'stranger') return this.#turnAway(channel);
    // Also where that is still to be shown again: what came with its first words is read already, however long it will be.
    channel.limit(memberFrameBytes);
    if (standing === 'lapsed') {
      // It has been one: what it sends waits, at most one window, until that is shown again.
      channel.pause();
      members.proveAgain(peer).then(
        (isMember) => {
          if (isMember) channel.resume();
          else this.#turnAway(channel);
        },
        () => this.#turnAway(channel),
      );
    }
    this.#gather(peer, channel);
  }

  #gather(peer: PeerName, channel: JobChannel): void {
    let argv: Uint8Array | undefined;
    let environment: Uint8Array | undefined;
    let job: HostedJob | undefined;
    channel.onFrame = (frame) => {
      const { type, payload } = frame;
      if (job !== undefined) this.#receiver.onFrame(job, frame);
      else if (type === 'FETCH') this.#send(peer, channel, parseFetch(payload));
      else if (type === 'ARGV') argv = payload;
      else if (type === 'ENV') environment = payload;
      else if (type === 'OFFER' && argv !== undefined && environment !== undefined) {
        job = new HostedJob(peer, channel, { offer: parseOffer(payload), argv, environment });
        this.#receiver.onOffer(job);
      } else throw new FrameError(`a ${type} frame before the offer was whole`);
    };
    channel.onEnd = () => {
      if (job !== undefined) this.#receiver.onGone(job);
    };
  }

  /** Its submitter does not see an output that was made here. */
  #send(peer: PeerName, channel: JobChannel, fetch: Fetch): void {
    this.#init.sendOutput(peer, channel, fetch).catch((error: unknown) => {
      this.#init.log('an output could not be sent', { peer, path: fetch.path, error: String(error) });
      channel.abort();
    });
  }

  /** Nothing of what it sends is read; the first few are told why. */
  #turnAway(channel: JobChannel): void {
    // Its stream carries no other job.
    channel.limit(strangerFrameBytes);
    if (!this.#courtesy.take(1, this.#init.now())) return channel.abort();
    const detail =
      'no member file of yours is on any share here, and your machine was not made known to this one';
    channel.send('REFUSED', encodeRefused({ code: 'not-member', detail }));
    channel.close();
    // It may never close its end.
    this.#init.startTimer(turnedAwayMs, () => channel.abort());
  }
}
