/** A real swarm node in this process or in a child, with all that it told. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ControlFrame, GoneReason, SwarmOptions, SwarmPeer } from '../../src/swarm/contract.ts';
import type { JobChannel } from '../../src/swarm/libp2p/channel.ts';
import { createSwarm, type Swarm } from '../../src/swarm/swarm.ts';
import type { Hello } from '../../src/wire/control-messages.ts';
import { until } from './until.ts';

export type Told =
  | { readonly what: 'peer'; readonly peer: SwarmPeer }
  | { readonly what: 'gone'; readonly id: string; readonly why: GoneReason }
  | { readonly what: 'control'; readonly id: string; readonly frame: ControlFrame }
  | { readonly what: 'silence' | 'well'; readonly id: string };

export function helloOf(id: string, name: string, addresses: readonly string[] = []): Hello {
  const report = {
    id,
    incarnation: 1,
    sequence: 1,
    name,
    version: '0.1.0',
    addresses: [...addresses],
    slots: 4,
    running: 0,
    queued: 0,
    load: 0,
    memoryFreeBytes: 1,
    speed: 1,
    state: 'ready' as const,
    reasons: [],
  };
  return { version: '0.1.0', report };
}

/** Ends with `await using`. mDNS is off unless a service tag is given. */
export class SwarmNode {
  readonly swarm: Swarm;
  readonly told: Told[];
  readonly log: string[];
  static #count = 0;

  private constructor(swarm: Swarm, told: Told[], log: string[]) {
    this.swarm = swarm;
    this.told = told;
    this.log = log;
  }

  static async start(
    options: Partial<SwarmOptions> & {
      onJob?: (channel: JobChannel) => void;
      onTold?: (told: Told) => void;
      onTree?: (channel: JobChannel) => void;
      hello?: () => Hello;
    } = {},
  ): Promise<SwarmNode> {
    const told: Told[] = [];
    const log: string[] = [];
    const tell = (each: Told): void => {
      told.push(each);
      options.onTold?.(each);
    };
    SwarmNode.#count += 1;
    const name = `n${SwarmNode.#count}`;
    const swarm: Swarm = await createSwarm({
      mdns: options.serviceTag !== undefined,
      log: (_level, message, fields) => log.push(`${message} ${JSON.stringify(fields)}`),
      ...options,
      events: {
        onPeer: (peer) => tell({ what: 'peer', peer }),
        onGone: (id, why) => tell({ what: 'gone', id, why }),
        onControl: (id, frame) => tell({ what: 'control', id, frame }),
        onSilence: (id) => tell({ what: 'silence', id }),
        onWell: (id) => tell({ what: 'well', id }),
        onJob: (_id, channel) => options.onJob?.(channel),
        onTree: (_id, channel) => options.onTree?.(channel),
      },
    });
    await swarm.start(options.hello ?? (() => helloOf(swarm.id, name, swarm.addresses())));
    return new SwarmNode(swarm, told, log);
  }

  get id(): string {
    return this.swarm.id;
  }

  has(what: Told['what']): boolean {
    return this.told.some((each) => each.what === what);
  }

  async meets(...others: readonly { readonly id: string }[]): Promise<void> {
    await until(
      () => others.every((other) => this.swarm.isConnected(other.id)),
      5000,
      `${this.id} is connected to ${others.map((other) => other.id).join(', ')}; log: ${this.log.join('\n')}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.swarm.stop();
  }
}

/** Two nodes that know each other. */
export async function pairOf(
  first: Parameters<typeof SwarmNode.start>[0] = {},
  second: Parameters<typeof SwarmNode.start>[0] = {},
): Promise<[SwarmNode, SwarmNode]> {
  const a = await SwarmNode.start(first);
  const b = await SwarmNode.start({ ...second, bootstrap: a.swarm.addresses().slice(0, 1) });
  await Promise.all([a.meets(b), b.meets(a)]);
  return [a, b];
}

/** A node in a process of its own, which can be killed and frozen. It answers each job's OFFER by a RESULT. */
export class SwarmChild {
  readonly id: string;
  readonly addresses: readonly string[];
  readonly #process: ReturnType<typeof fork>;

  private constructor(process: ReturnType<typeof fork>, id: string, addresses: readonly string[]) {
    this.#process = process;
    this.id = id;
    this.addresses = addresses;
  }

  static async start(options: {
    listen?: readonly string[];
    bootstrap?: readonly string[];
  }): Promise<SwarmChild> {
    const child = fork(fileURLToPath(new URL('./swarm-child.js', import.meta.url)), [
      JSON.stringify(options),
    ]);
    const { id, addresses } = await new Promise<{ id: string; addresses: string[] }>((resolve, reject) => {
      child.once('message', (message) => resolve(message as { id: string; addresses: string[] }));
      child.once('exit', (status) => reject(new Error(`the child ended with ${status}`)));
    });
    return new SwarmChild(child, id, addresses);
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGKILL');
    await ended;
  }
}
