/** Two ends of one real connection with the streams for jobs on it, and no swarm around them: for the moments between jobs. */
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { ChannelEnd, JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { createNode } from '../../src/swarm/libp2p/node.ts';
import { maxJobStreams } from '../../src/swarm/libp2p/stream-limit.ts';
import { jobProtocol, Link } from '../../src/swarm/link.ts';
import { until } from './until.ts';

export interface Heard {
  /** `TYPE payload`. */
  readonly frames: string[];
  end: ChannelEnd | undefined;
}

/** Keeps what comes. The other end is trusted. */
export function hear(channel: JobChannel): Heard {
  const heard: Heard = { frames: [], end: undefined };
  channel.limit(Number.POSITIVE_INFINITY);
  channel.onFrame = ({ type, payload }) => heard.frames.push(`${type} ${Buffer.from(payload).toString()}`);
  channel.onEnd = (why) => {
    heard.end = why;
  };
  return heard;
}

export class JobLinkRig {
  readonly submitter: Link;
  /** Why streams were reset at the submitter's end. */
  readonly garbage: string[];
  /** The worker's ends of streams, in the order of their opening. */
  readonly streams: Stream[];
  readonly #stop: () => Promise<void>;
  #worker: Link | undefined;

  private constructor(rig: Pick<JobLinkRig, 'submitter' | 'garbage' | 'streams'>, stop: () => Promise<void>) {
    this.submitter = rig.submitter;
    this.garbage = rig.garbage;
    this.streams = rig.streams;
    this.#stop = stop;
  }

  /** @param onJob - a job begins at the worker. Undefined: its streams are left to the test. */
  static async start(onJob?: (channel: JobChannel) => void): Promise<JobLinkRig> {
    const garbage: string[] = [];
    const streams: Stream[] = [];
    const linkOf = (connection: Connection): Link =>
      new Link(connection, 0, {
        onHeard: () => undefined,
        onFault: () => undefined,
        onGarbage: (_link, _kind, reason) => garbage.push(reason.message),
        onJob: (_link, channel) => onJob?.(channel),
      });
    const keys = [await generateKeyPair('Ed25519'), await generateKeyPair('Ed25519')] as const;
    const submitter = await createNode({ privateKey: keys[0], listen: [], services: {} });
    const worker = await createNode({ privateKey: keys[1], listen: ['/ip4/127.0.0.1/tcp/0'], services: {} });
    let rig: JobLinkRig | undefined;
    const limits = { maxInboundStreams: maxJobStreams, maxOutboundStreams: maxJobStreams };
    await worker.handle(
      jobProtocol,
      (stream, connection) => {
        streams.push(stream);
        if (onJob === undefined || rig === undefined) return;
        rig.#worker ??= linkOf(connection);
        rig.#worker.acceptJobs(stream);
      },
      limits,
    );
    // Bounds what it may open, too.
    await submitter.handle(jobProtocol, (stream) => stream.abort(new Error('a worker opens none')), limits);
    await submitter.start();
    await worker.start();
    const connection = await submitter.dial(multiaddr(String(worker.getMultiaddrs()[0])));
    const link = linkOf(connection);
    link.trust();
    rig = new JobLinkRig({ submitter: link, garbage, streams }, async () => {
      await submitter.stop();
      await worker.stop();
    });
    await until(() => worker.getConnections().length === 1, 5_000, 'the connection stands');
    for (const each of worker.getConnections()) linkOf(each).trust();
    return rig;
  }

  /** The worker's end; there since the first stream was opened. */
  get worker(): Link {
    if (this.#worker === undefined) throw new Error('no stream was opened');
    return this.#worker;
  }

  /** Begins a job that is heard. */
  begin(word: string): { readonly channel: JobChannel; readonly heard: Heard } {
    const channel = this.submitter.openJob();
    const heard = hear(channel);
    channel.send('ARGV', Buffer.from(word));
    return { channel, heard };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}
