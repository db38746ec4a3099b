import type { World } from '../world.ts';

/** The process of a peer: started, stopped, going on, dead. What it planned dies with it. */
export class Life {
  readonly world: World;
  /** Of the peer. */
  readonly id: string;
  incarnation = 0;
  alive = true;
  frozen = false;
  thawedAtMs = Number.NEGATIVE_INFINITY;
  #backlog: (() => void)[] = [];

  constructor(world: World, id: string) {
    this.world = world;
    this.id = id;
  }

  begin(): void {
    this.alive = true;
    this.incarnation += 1;
  }

  end(): void {
    this.alive = false;
    this.frozen = false;
    this.#backlog = [];
  }

  /** Does it now, or when the process goes on. */
  awake(action: () => void): void {
    if (!this.alive) return;
    if (this.frozen) this.#backlog.push(action);
    else action();
  }

  at(atMs: number, action: () => void): void {
    const { incarnation } = this;
    this.world.at(atMs, () => {
      if (this.incarnation === incarnation && this.alive) this.awake(action);
    });
  }

  every(ms: number, action: () => void): void {
    const { incarnation } = this;
    this.world.after(ms, () => {
      if (this.incarnation !== incarnation || !this.alive) return;
      this.awake(action);
      this.every(ms, action);
    });
  }

  freeze(): void {
    this.frozen = true;
    this.world.trace(() => `${this.id} freezes`);
  }

  /** Goes on with `first`, then with all that came meanwhile. */
  thaw(first: () => void): void {
    if (!this.frozen) return;
    this.frozen = false;
    this.thawedAtMs = this.world.nowMs;
    this.world.trace(() => `${this.id} thaws`);
    const backlog = this.#backlog;
    this.#backlog = [];
    if (!this.alive) return;
    first();
    for (const action of backlog) this.awake(action);
  }
}
