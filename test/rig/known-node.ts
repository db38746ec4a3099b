/** A swarm node with the known machines of its own home, joined as a peer joins them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { addKnownPeer } from '../../src/pairing/known-peers.ts';
import { ensureLastingKey } from '../../src/pairing/lasting-key.ts';
import { KnownMachines } from '../../src/peer/trust/known-machines.ts';
import type { JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { parseKnown } from '../../src/wire/control-messages.ts';
import { SwarmNode, type Told } from './swarm-node.ts';
import { until } from './until.ts';

/** Ends with `await using`. */
export class KnownNode {
  readonly node: SwarmNode;
  readonly known: KnownMachines;
  readonly directory: string;
  readonly name: string;
  /** Every change, in order: `known PEER`, `ended PEER`. */
  readonly events: string[] = [];
  /** Streams for jobs that others opened. */
  readonly jobs: JobChannel[] = [];

  private constructor(node: SwarmNode, directory: string, name: string) {
    this.node = node;
    this.directory = directory;
    this.name = name;
    this.known = new KnownMachines({
      directory,
      host: name,
      self: node.id,
      now: () => performance.now(),
      log: (message, facts) => node.log.push(`${message} ${JSON.stringify(facts)}`),
      send: (to, payload) => node.swarm.send(to, 'KNOWN', payload),
      neighbours: () => node.swarm.peers().map(({ id }) => id),
      onRead: () => undefined,
      onKnown: (peer) => this.events.push(`known ${peer}`),
      onEnded: (peer, byUs) => {
        this.events.push(`ended ${peer}`);
        if (byUs) node.swarm.end(peer);
      },
    });
  }

  static async start(name: string): Promise<KnownNode> {
    const home = mkdtempSync(path.join(tmpdir(), `known-${name}-`));
    const heard: { told?: (told: Told) => void; job?: (channel: JobChannel) => void } = {};
    const node = await SwarmNode.start({
      onTold: (told) => heard.told?.(told),
      onJob: (channel) => heard.job?.(channel),
    });
    const made = new KnownNode(node, path.join(home, 'buildswarm'), name);
    heard.told = (told) => {
      if (told.what === 'peer') made.known.met(told.peer.id);
      if (told.what === 'gone') made.known.forget(told.id);
      if (told.what === 'control') made.known.hear(told.id, parseKnown(told.frame.payload));
    };
    heard.job = (channel) => {
      made.jobs.push(channel);
    };
    await made.known.start();
    return made;
  }

  get id(): string {
    return this.node.id;
  }

  async publicKey(): Promise<string> {
    return (await ensureLastingKey(this.directory, this.name)).publicKey;
  }

  /** As `accept` does: from now on this machine knows the other. */
  async learn(other: KnownNode): Promise<void> {
    await this.publicKey();
    await addKnownPeer(this.directory, { name: other.name, key: await other.publicKey() });
    await this.known.reload();
  }

  /** Connects the two. */
  async meet(other: KnownNode): Promise<void> {
    this.node.swarm.connectTo(other.id, other.node.swarm.addresses());
    await Promise.all([this.node.meets(other), other.node.meets(this)]);
  }

  async untilKnows(other: KnownNode): Promise<void> {
    await until(() => this.known.isKnown(other.id), 10_000, `${this.name} knows ${other.name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.known.stop();
    await this.node.swarm.stop();
    rmSync(path.dirname(this.directory), { recursive: true, force: true });
  }
}
