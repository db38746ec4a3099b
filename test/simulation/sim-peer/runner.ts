import type { Ending } from '../../../src/core/schedule/contract.ts';
import { splitNul } from '../../../src/wire/bytes.ts';
import type { Execution, RunListener, Runner, RunSpec } from '../../../src/work/runner.ts';
import type { SimJob } from '../sim-job.ts';
import type { Life } from './life.ts';
import type { SimPeerOptions } from './options.ts';

/** After the death of a submitter nothing of its jobs lives anywhere. */
const orphanMs = 12_000;

/** A command that runs for a submitter. */
interface Process {
  readonly job: SimJob;
  readonly attempt: number;
  readonly listener: RunListener;
  readonly leaseMs: number;
  renewedMs: number;
  dead: boolean;
}

/** Stands for the runner of a machine; counts the commands there, its own inline ones too. */
export class SimRunner implements Pick<Runner, 'run'> {
  readonly #life: Life;
  readonly #options: SimPeerOptions;
  /** Those of other peers. */
  readonly processes = new Set<Process>();
  #inlineSlotted = 0;

  constructor(life: Life, options: SimPeerOptions) {
    this.#life = life;
    this.#options = options;
  }

  run({ argv, leaseMs }: RunSpec, listener: RunListener): Execution {
    const { world, id } = this.#life;
    const [, number, attempt] = splitNul(argv, 3);
    const job = world.jobs.get(Number(number));
    if (job === undefined) throw new Error(`internal: ${id} is to run a command that nobody handed in`);
    const process: Process = {
      job,
      attempt: Number(attempt),
      listener,
      leaseMs,
      renewedMs: world.nowMs,
      dead: false,
    };
    this.processes.add(process);
    this.#checkSlots();
    const errno = this.#options.whims?.start();
    if (errno === undefined) this.#begin(process);
    else this.#life.at(world.nowMs, () => this.#end(process, () => listener.onSpawnFailed(`exec ${errno}`)));
    return this.#executionOf(process);
  }

  #begin(process: Process): void {
    const { world, id } = this.#life;
    const { job, attempt, listener } = process;
    job.start(world, attempt);
    world.trace(() => `${id} runs ${job.name}#${attempt}`);
    this.#life.at(world.nowMs, () => {
      if (!process.dead) listener.onStarted({ pid: job.number, notApart: 0 });
    });
    world.after(job.lengthMs, () => {
      const status = this.#options.whims?.exit() === undefined ? 0 : 1;
      this.#end(process, () => {
        listener.onOutput('STDOUT', Buffer.from(job.printed(attempt, status)));
        exit(process, { kind: 'exited', status });
      });
    });
    this.#watchLease(process);
  }

  #watchLease(process: Process): void {
    const { world } = this.#life;
    if (process.leaseMs === 0) return;
    const lapsesMs = process.renewedMs + process.leaseMs;
    world.at(lapsesMs, () => {
      if (process.dead) return;
      if (process.renewedMs + process.leaseMs > lapsesMs) this.#watchLease(process);
      else this.#end(process, () => exit(process, { kind: 'signaled', signal: 9, core: false }, true));
    });
  }

  #executionOf(process: Process): Execution {
    const { world } = this.#life;
    return {
      stdin: () => undefined,
      stdinEnd: () => undefined,
      signal: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      renew: () => {
        process.renewedMs = world.nowMs;
      },
      kill: () => {
        world.after(world.between(1, 250), () =>
          this.#end(process, () => exit(process, { kind: 'signaled', signal: 15, core: false })),
        );
      },
    };
  }

  /** It ends now; the peer hears of that as soon as it can. */
  #end(process: Process, tell: () => void): void {
    if (process.dead) return;
    this.#bury(process);
    this.processes.delete(process);
    const { incarnation } = this.#life;
    this.#life.awake(() => {
      if (this.#life.incarnation === incarnation) tell();
    });
  }

  #bury(process: Process): void {
    process.dead = true;
    process.job.live.delete(process.attempt);
  }

  /** A command begins to run inline, on a slot. */
  startInline(): void {
    const { world, id } = this.#life;
    this.#inlineSlotted += 1;
    world.demand(
      this.#inlineSlotted <= Math.max(1, this.#options.slots),
      'I13',
      () => `${id} runs ${this.#inlineSlotted} inline`,
    );
    this.#checkSlots();
  }

  endInline(): void {
    this.#inlineSlotted -= 1;
  }

  #checkSlots(): void {
    const { slots } = this.#options;
    const used = this.processes.size + this.#inlineSlotted;
    this.#life.world.demand(
      used <= Math.max(1, slots),
      'I9',
      () => `${this.#life.id} runs ${used} on ${slots} slots`,
    );
  }

  /** Their peer died: those of others die with it, inline ones are no longer its concern. */
  abandon(): void {
    for (const process of this.processes) this.#bury(process);
    this.processes.clear();
    this.#inlineSlotted = 0;
  }

  /** Commands of a submitter that died end in time, unless this machine is stopped itself. */
  expectEnd(submitter: string): void {
    const { world, id } = this.#life;
    const diedAtMs = world.nowMs;
    const orphans = [...this.processes].filter(({ job }) => job.submitter === submitter);
    world.after(orphanMs, () => {
      if (this.#life.frozen || this.#life.thawedAtMs > diedAtMs) return;
      for (const { job, dead } of orphans) {
        world.demand(
          dead,
          'I11',
          () => `${id} still runs job ${job.name}, ${orphanMs} ms after its submitter died`,
        );
      }
    });
  }
}

function exit({ job, listener }: Process, ending: Ending, hasLapsed = false): void {
  const { memoryBytes: maxRssBytes } = job.spec;
  listener.onExit({ ending, maxRssBytes, userMs: 0, systemMs: 0, left: 0, hasLapsed });
}
