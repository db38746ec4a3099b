import type { StartTimer } from '../../../src/peer/alarm.ts';
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

  /** Does it now, or when the process goes on, after all that came before. */
  awake(action: () => void): void {
    if (!this.alive) return;
    if (this.frozen || this.#backlog.length > 0) this.#backlog.push(action);
    else action();
  }

  at(atMs: number, action: () => void): void {
    const { incarnation } = this;
    this.world.at(atMs, () => {
      if (this.incarnation === incarnation && this.alive) this.awake(action);
    });
  }

  /** A promise that is kept after so long, unless the process dies before. */
  later<Value>(afterMs: number, value: Value): Promise<Value> {
    const { world } = this;
    if (afterMs === 0) return world.soon(value);
    return new Promise((resolve) => {
      this.at(world.nowMs + afterMs, () => {
        world.stir();
        resolve(value);
      });
    });
  }

  readonly startTimer: StartTimer = (afterMs, action) => {
    let isWanted = true;
    this.at(this.world.nowMs + afterMs, () => {
      if (isWanted) action();
    });
    return () => {
      isWanted = false;
    };
  };

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
    if (!this.alive) return;
    first();
    this.#catchUp();
  }

  /** One thing after the other, as a process does that has much to read. */
  #catchUp(): void {
    const { incarnation } = this;
    this.world.at(this.world.nowMs, () => {
      if (this.incarnation !== incarnation || this.frozen) return;
      this.#backlog.shift()?.();
      if (this.#backlog.length > 0) this.#catchUp();
    });
  }
}
