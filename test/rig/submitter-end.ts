/** The submitter's end of a job's stream: keeps what the worker says, and says what a test wants. */
import type { ChannelEnd } from '../../src/swarm/libp2p/channel.ts';
import { joinNul } from '../../src/wire/bytes.ts';
import type { FrameName } from '../../src/wire/frame.ts';
import {
  encodeCredit,
  encodeOffer,
  type JobResult,
  type Offer,
  parseRefused,
  parseResult,
  type Refused,
} from '../../src/wire/job-messages.ts';
import { encodeSignal } from '../../src/wire/wrapper-messages.ts';
import type { FakeChannel } from './fake-channel.ts';
import { plainOffer } from './plain-offer.ts';

/** What a worker says last; a stream has one of these at most. */
const lastWords: readonly FrameName[] = ['REFUSED', 'RESULT', 'RETURNED'];

export class SubmitterEnd {
  /** Whose end it is. */
  readonly peer: string;
  readonly channel: FakeChannel;
  /** Types of all frames that came. */
  readonly frames: FrameName[] = [];
  refused: Refused | undefined;
  result: JobResult | undefined;
  outputBytes = 0;
  end: ChannelEnd | undefined;

  constructor(peer: string, channel: FakeChannel) {
    this.peer = peer;
    this.channel = channel;
    channel.limit(Number.POSITIVE_INFINITY);
    channel.onFrame = ({ type, payload }) => {
      this.frames.push(type);
      if (type === 'REFUSED') this.refused = parseRefused(payload);
      else if (type === 'RESULT') this.result = parseResult(payload);
      else if (type === 'STDOUT' || type === 'STDERR') this.outputBytes += payload.length;
    };
    channel.onEnd = (why) => {
      this.end = why;
    };
  }

  has(type: FrameName): boolean {
    return this.frames.includes(type);
  }

  get lastWords(): FrameName[] {
    return this.frames.filter((type) => lastWords.includes(type));
  }

  offer(fields: Partial<Offer> = {}, argv: readonly string[] = ['g++', 'a.cc']): void {
    this.channel.send('ARGV', joinNul(argv));
    this.channel.send('ENV', joinNul(['LC_ALL=C']));
    this.channel.send('OFFER', encodeOffer({ ...plainOffer('/share'), ...fields }));
  }

  recall(): void {
    this.channel.send('RECALL');
  }

  signal(number: number): void {
    this.channel.send('SIGNAL', encodeSignal({ number, toGroup: false }));
  }

  credit(bytes: number): void {
    this.channel.send('CREDIT', encodeCredit(bytes));
  }
}
