import type { JobChannel } from '../../../src/swarm/libp2p/channel.ts';
import { createChannelPair } from '../../rig/fake-channel.ts';
import type { Life } from './life.ts';
import type { Content, JobStream, Message } from './message.ts';
import type { SimRunner } from './runner.ts';

export const beatMs = 1_000;
const suspectMs = 3_000;
const lostMs = 8_000;

/** The machine at the other end, as far as connections reach. */
interface Remote {
  readonly id: string;
  readonly index: number;
  readonly connections: Connections;
  readonly runner: SimRunner;
}

interface Neighbour {
  readonly peer: Remote;
  /** Number of the connection; messages of an older one are dropped. */
  readonly epoch: number;
  /** When the newest beat that was answered was sent. */
  ackedAtMs: number;
  /** When anything was last heard. */
  wordAtMs: number;
  suspect: boolean;
  /** Streams that are open at this end; made with the first: there are a million neighbours in a large swarm. */
  streams: Set<JobStream> | undefined;
  /** What was said last, and in which step of the world: what is said in one step travels together. */
  packet: { readonly step: number; readonly messages: Message[] } | undefined;
}

/** Who hears what comes over connections, and of them. */
export interface Listener {
  hear(from: string, message: Content): void;
  /** A peer opens a stream for a job. */
  open(from: string, channel: JobChannel): void;
  silent(id: string): void;
  well(id: string): void;
  lost(id: string): void;
}

/** The connections of a machine, with their heart beats and the streams of jobs. */
export class Connections {
  readonly #life: Life;
  readonly #index: number;
  readonly #listener: Listener;
  /** False: streams outlive their connection, for a test. */
  readonly #cutsStreams: boolean;
  readonly neighbours = new Map<string, Neighbour>();
  #ids: string[] | undefined;

  constructor(life: Life, index: number, listener: Listener, cutsStreams: boolean) {
    this.#life = life;
    this.#index = index;
    this.#listener = listener;
    this.#cutsStreams = cutsStreams;
  }

  ids(): string[] {
    this.#ids ??= [...this.neighbours.keys()];
    return this.#ids;
  }

  open(peer: Remote, epoch: number): void {
    this.close(peer.id);
    const { nowMs } = this.#life.world;
    this.neighbours.set(peer.id, {
      peer,
      epoch,
      ackedAtMs: nowMs,
      wordAtMs: nowMs,
      suspect: false,
      streams: undefined,
      packet: undefined,
    });
    this.#ids = undefined;
  }

  close(id: string): void {
    const neighbour = this.neighbours.get(id);
    if (neighbour === undefined) return;
    const { world, id: self } = this.#life;
    this.neighbours.delete(id);
    this.#ids = undefined;
    world.trace(() => `${self} lost ${id}`);
    const cut = (): void => {
      if (this.#cutsStreams) for (const stream of neighbour.streams ?? []) stream.cut();
    };
    // Whether a connection or its streams are first seen to end is up to the network.
    const streamsFirst = world.chance(0.5);
    if (streamsFirst) cut();
    this.#listener.lost(id);
    if (!streamsFirst) cut();
  }

  /** This machine's peer dies: the others hear that its connections are closed. */
  sayEnd(): void {
    for (const { peer } of this.neighbours.values()) peer.runner.expectEnd(this.#life.id);
    for (const id of this.neighbours.keys()) this.send(id, { type: 'closed' });
  }

  /** It is dead: nothing is left of its end of them. */
  forget(): void {
    this.neighbours.clear();
    this.#ids = undefined;
  }

  /** When anything was last heard of a peer; undefined if it is not connected. */
  lastWordMs(id: string): number | undefined {
    return this.neighbours.get(id)?.wordAtMs;
  }

  /** Opens the stream of one job; if the peer is not connected, its end comes soon. */
  openJob(to: string): JobStream {
    const { world, id } = this.#life;
    const neighbour = this.neighbours.get(to);
    if (neighbour === undefined) {
      const { submitter } = createChannelPair({ submitter: id, worker: to }, () => undefined);
      this.#life.at(world.nowMs, () => submitter.cut());
      return submitter;
    }
    const { peer, epoch } = neighbour;
    const { submitter, worker } = createChannelPair({ submitter: id, worker: to }, (end, deliver) => {
      if (end === 'worker') this.#sendOn(to, epoch, { type: 'stream', deliver });
      else peer.connections.#sendOn(id, epoch, { type: 'stream', deliver });
    });
    keep(neighbour, submitter);
    this.#sendOn(to, epoch, { type: 'open', end: worker });
    return submitter;
  }

  send(to: string, message: Message): void {
    const neighbour = this.neighbours.get(to);
    if (neighbour !== undefined) this.#sendOn(to, neighbour.epoch, message);
  }

  /** Over that connection, if it stands still. */
  #sendOn(to: string, epoch: number, message: Message): void {
    const { world, id, alive } = this.#life;
    const neighbour = this.neighbours.get(to);
    if (neighbour?.epoch !== epoch || !alive) return;
    if (neighbour.packet?.step === world.steps) {
      neighbour.packet.messages.push(message);
      return;
    }
    const messages = [message];
    const { peer } = neighbour;
    neighbour.packet = { step: world.steps, messages };
    world.send(this.#index, peer.index, () => peer.connections.#receive(id, epoch, messages));
  }

  #receive(from: string, epoch: number, messages: readonly Message[]): void {
    const { world, id } = this.#life;
    this.#life.awake(() => {
      for (const message of messages) {
        const neighbour = this.neighbours.get(from);
        if (neighbour?.epoch !== epoch) return;
        neighbour.wordAtMs = world.nowMs;
        world.trace(() => `${from} -> ${id} ${message.type}`);
        this.#hear(from, neighbour, message);
      }
    });
  }

  #hear(from: string, neighbour: Neighbour, message: Message): void {
    switch (message.type) {
      case 'beat':
        return this.send(from, { type: 'beat-ack', sentAtMs: message.sentAtMs });
      case 'beat-ack':
        neighbour.ackedAtMs = Math.max(neighbour.ackedAtMs, message.sentAtMs);
        if (neighbour.suspect && this.#life.world.nowMs - neighbour.ackedAtMs < suspectMs) {
          neighbour.suspect = false;
          this.#listener.well(from);
        }
        return;
      case 'closed':
        return this.close(from);
      case 'open':
        keep(neighbour, message.end);
        return this.#listener.open(from, message.end);
      case 'stream':
        return message.deliver();
      default:
        return this.#listener.hear(from, message);
    }
  }

  /** Heart beats of all; who was silent for long is suspected, then lost. */
  beat(): void {
    const { world, id: self } = this.#life;
    for (const [id, neighbour] of this.neighbours) {
      const silentMs = world.nowMs - neighbour.ackedAtMs;
      if (silentMs > lostMs) {
        this.send(id, { type: 'closed' });
        this.close(id);
        continue;
      }
      if (silentMs > suspectMs && !neighbour.suspect) {
        neighbour.suspect = true;
        world.trace(() => `${self} suspects ${id}`);
        this.#listener.silent(id);
      }
      this.send(id, { type: 'beat', sentAtMs: world.nowMs });
    }
  }
}

/** Until it is over at this end. */
function keep(neighbour: Neighbour, stream: JobStream): void {
  neighbour.streams ??= new Set();
  const { streams } = neighbour;
  streams.add(stream);
  stream.onOver = () => streams.delete(stream);
}
