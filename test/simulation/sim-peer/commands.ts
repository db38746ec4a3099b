import type { SimJob } from '../sim-job.ts';
import type { Life } from './life.ts';

/** After the death of a submitter nothing of its jobs lives anywhere. */
const orphanMs = 12_000;

/** A command that runs for a submitter. */
export interface Process {
  readonly job: SimJob;
  readonly attempt: number;
  readonly submitter: string;
  dead: boolean;
}

/** The commands that run on a machine: its own inline ones, and those of jobs from other peers. */
export class Commands {
  readonly #life: Life;
  readonly #slots: number;
  /** Those of other peers, by job and submitter. */
  readonly processes = new Map<string, Process>();
  #inlineSlotted = 0;

  constructor(life: Life, slots: number) {
    this.#life = life;
    this.#slots = slots;
  }

  start(key: string, process: Process): void {
    this.processes.set(key, process);
    this.#checkSlots();
  }

  /** A command begins to run inline, on a slot. */
  startInline(): void {
    const { world, id } = this.#life;
    this.#inlineSlotted += 1;
    world.demand(
      this.#inlineSlotted <= Math.max(1, this.#slots),
      'I13',
      () => `${id} runs ${this.#inlineSlotted} inline`,
    );
    this.#checkSlots();
  }

  endInline(): void {
    this.#inlineSlotted -= 1;
  }

  #checkSlots(): void {
    const used = this.processes.size + this.#inlineSlotted;
    this.#life.world.demand(
      used <= Math.max(1, this.#slots),
      'I9',
      () => `${this.#life.id} runs ${used} on ${this.#slots} slots`,
    );
  }

  /** Their peer died: those of others die with it, inline ones are no longer its concern. */
  abandon(): void {
    for (const process of this.processes.values()) {
      process.dead = true;
      process.job.live.delete(process.attempt);
    }
    this.processes.clear();
    this.#inlineSlotted = 0;
  }

  /** Commands of a submitter that died end in time, unless this machine is stopped itself. */
  expectEnd(submitter: string): void {
    const { world, id } = this.#life;
    const diedAtMs = world.nowMs;
    const orphans = [...this.processes].filter(([, process]) => process.submitter === submitter);
    world.after(orphanMs, () => {
      if (this.#life.frozen || this.#life.thawedAtMs > diedAtMs) return;
      for (const [key, { dead }] of orphans) {
        world.demand(dead, 'I11', () => `${id} still runs ${key}, ${orphanMs} ms after its submitter died`);
      }
    });
  }
}
