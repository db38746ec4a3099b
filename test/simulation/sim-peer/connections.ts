import type { Commands } from './commands.ts';
import type { Life } from './life.ts';
import type { Content, Message } from './message.ts';
import type { Scheduler } from './scheduler.ts';

export const beatMs = 1_000;
const suspectMs = 3_000;
const lostMs = 8_000;

/** The machine at the other end, as far as connections reach. */
interface Remote {
  readonly id: string;
  readonly index: number;
  readonly connections: Connections;
  readonly commands: Commands;
}

interface Neighbour {
  readonly peer: Remote;
  /** Number of the connection; messages of an older one are dropped. */
  readonly epoch: number;
  /** When the newest beat that was answered was sent. */
  ackedAtMs: number;
  suspect: boolean;
}

/** Who hears what comes over connections. */
interface Listener {
  readonly hear: (from: string, message: Content) => void;
  readonly lost: (id: string) => void;
}

/** The connections of a machine, with their heart beats. */
export class Connections {
  readonly #life: Life;
  readonly #index: number;
  readonly #scheduler: Scheduler;
  readonly #listener: Listener;
  readonly neighbours = new Map<string, Neighbour>();
  #ids: string[] | undefined;

  constructor(life: Life, index: number, scheduler: Scheduler, listener: Listener) {
    this.#life = life;
    this.#index = index;
    this.#scheduler = scheduler;
    this.#listener = listener;
  }

  ids(): string[] {
    this.#ids ??= [...this.neighbours.keys()];
    return this.#ids;
  }

  open(peer: Remote, epoch: number): void {
    this.close(peer.id);
    this.neighbours.set(peer.id, { peer, epoch, ackedAtMs: this.#life.world.nowMs, suspect: false });
    this.#ids = undefined;
  }

  close(id: string): void {
    if (!this.neighbours.delete(id)) return;
    this.#ids = undefined;
    this.#life.world.trace(() => `${this.#life.id} lost ${id}`);
    this.#listener.lost(id);
  }

  /** This machine's peer dies: the others hear that its connections are closed. */
  sayEnd(): void {
    for (const { peer } of this.neighbours.values()) peer.commands.expectEnd(this.#life.id);
    for (const id of this.neighbours.keys()) this.send(id, { type: 'closed' });
  }

  /** It is dead: nothing is left of its end of them. */
  forget(): void {
    this.neighbours.clear();
    this.#ids = undefined;
  }

  send(to: string, message: Message): void {
    const { world, id, alive } = this.#life;
    const neighbour = this.neighbours.get(to);
    if (neighbour === undefined || !alive) return;
    const { peer, epoch } = neighbour;
    world.send(this.#index, peer.index, () => peer.connections.receive(id, epoch, message));
  }

  receive(from: string, epoch: number, message: Message): void {
    const { world, id } = this.#life;
    this.#life.awake(() => {
      const neighbour = this.neighbours.get(from);
      if (neighbour?.epoch !== epoch) return;
      world.trace(
        () =>
          `${from} -> ${id} ${message.type}${'job' in message ? ` ${message.job}#${message.attempt}` : ''}`,
      );
      this.#hear(from, neighbour, message);
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
          this.#scheduler.dispatch({ type: 'peer-well', peer: from });
        }
        return;
      case 'closed':
        return this.close(from);
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
        this.#scheduler.dispatch({ type: 'peer-suspect', peer: id });
      }
      this.send(id, { type: 'beat', sentAtMs: world.nowMs });
    }
  }
}
