import type { Reason } from '../../src/core/reason.ts';
import type { AttemptNumber, JobId } from '../../src/core/schedule/contract.ts';
import type { Judge } from './invariants.ts';

/** What a command is, as far as it matters for where it runs. */
export interface JobSpec {
  /** Its outputs are renamed by the submitter. */
  readonly rewritable: boolean;
  /** Set: it runs inline by rule, for this reason. */
  readonly inline?: Reason;
  /** Inline, and without waiting for a slot. */
  readonly unslotted: boolean;
  /** Started below a job that holds a slot of that machine. */
  readonly nested: boolean;
  readonly remoteOnly: boolean;
  /** Jobs of one program are of one kind. */
  readonly program: string;
  /** What it needs at its peak. */
  readonly memoryBytes: number;
}

/** A job with nothing special about it but `extra`. */
export function plainSpec(extra: Partial<JobSpec> = {}): JobSpec {
  return {
    rewritable: true,
    unslotted: false,
    nested: false,
    remoteOnly: false,
    program: 'c++',
    memoryBytes: 0,
    ...extra,
  };
}

/** One command and all that ever happened to it; checks the rules that hold for a single job. */
export class SimJob {
  /** Unique in its world. */
  readonly number: number;
  /** At which peer it was handed in, */
  readonly submitter: string;
  /** and its name there. */
  readonly id: JobId;
  readonly spec: JobSpec;
  readonly lengthMs: number;
  endedAtMs: number | undefined;
  /** The last word that its wrapper had from its peer, or why it waits for none. */
  ending: 'finish' | 'inline' | 'left' | 'orphaned' | undefined;
  /** The wrapper has its end: for an inline job when its command ended. */
  over = false;
  lastAttempt: AttemptNumber = 0;
  remoteStarts = 0;
  /** What the caller was given of the command's output. */
  text = '';
  /** Processes of it that live now, by attempt; 0 is the inline one. */
  readonly live = new Set<AttemptNumber>();
  readonly #onOver: (() => void) | undefined;

  constructor(
    names: Pick<SimJob, 'number' | 'submitter' | 'id'>,
    spec: JobSpec,
    lengthMs: number,
    onOver: (() => void) | undefined,
  ) {
    this.number = names.number;
    this.submitter = names.submitter;
    this.id = names.id;
    this.spec = spec;
    this.lengthMs = lengthMs;
    this.#onOver = onOver;
  }

  get name(): string {
    return `${this.number} of ${this.submitter}`;
  }

  /** Whether it holds a slot while it runs inline. */
  get isSlotted(): boolean {
    return !this.spec.unslotted && !this.spec.nested;
  }

  end(world: Judge, ending: NonNullable<SimJob['ending']>): void {
    world.demand(
      this.ending === undefined,
      'I5',
      () => `job ${this.name} ended as ${this.ending}, then ${ending}`,
    );
    if (this.ending !== undefined) return;
    this.ending = ending;
    if (ending !== 'inline') this.finish(world.nowMs);
  }

  finish(nowMs: number): void {
    this.over = true;
    this.endedAtMs = nowMs;
    this.#onOver?.();
  }

  /** What the command prints, whoever runs it. */
  printed(attempt: AttemptNumber, status: number): string {
    return `job ${this.number}, attempt ${attempt}, status ${status}\n`;
  }

  /** Its result is handed to the caller. */
  checkResult(world: Judge, status: number): void {
    world.demand(
      this.text === this.printed(this.lastAttempt, status),
      'I1',
      () =>
        `job ${this.name} ends with status ${status} by attempt ${this.lastAttempt} and the words ${this.text}`,
    );
  }

  offer(world: Judge, attempt: AttemptNumber): void {
    world.demand(
      attempt > this.lastAttempt,
      'I7',
      () => `job ${this.name}: attempt ${attempt} after ${this.lastAttempt}`,
    );
    this.lastAttempt = attempt;
  }

  start(world: Judge, attempt: AttemptNumber): void {
    // Commands whose outputs cannot be renamed: never a second one while the first may write.
    world.demand(
      this.spec.rewritable || this.live.size === 0,
      'I8',
      () => `job ${this.name}: attempt ${attempt} while attempt ${[...this.live].join()} runs`,
    );
    if (attempt !== 0) {
      this.remoteStarts += 1;
      world.demand(
        this.remoteStarts <= 3,
        'I7',
        () => `job ${this.name} started remotely ${this.remoteStarts} times`,
      );
    }
    this.live.add(attempt);
  }
}
