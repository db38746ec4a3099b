import type { AttemptNumber, JobDemand, JobId } from '../../src/core/schedule/contract.ts';
import type { World } from './world.ts';

/** One command and all that ever happened to it; checks the rules that hold for a single job. */
export class SimJob {
  readonly demand: JobDemand;
  readonly lengthMs: number;
  readonly handedInAtMs: number;
  endedAtMs: number | undefined;
  /** How it left the dispatcher. */
  ending: 'finish' | 'inline' | 'dropped' | 'orphaned' | undefined;
  /** The wrapper has its end: for an inline job when its command ended. */
  over = false;
  lastAttempt: AttemptNumber = 0;
  lastPeer = '';
  remoteStarts = 0;
  /** The newest attempt, until its worker said how it ended. */
  openAttempt: AttemptNumber = 0;
  /** Processes of it that live now, by attempt; 0 is the inline one. */
  readonly live = new Set<AttemptNumber>();
  /** When an attempt's worker was lost to its submitter. */
  readonly lostAtMs = new Map<AttemptNumber, number>();
  onOver: (() => void) | undefined;

  constructor(demand: JobDemand, lengthMs: number, nowMs: number) {
    this.demand = demand;
    this.lengthMs = lengthMs;
    this.handedInAtMs = nowMs;
  }

  get id(): JobId {
    return this.demand.job;
  }

  end(world: World, ending: NonNullable<SimJob['ending']>): void {
    world.demand(
      this.ending === undefined,
      'I5',
      () => `job ${this.id} ended as ${this.ending}, then ${ending}`,
    );
    this.ending = ending;
    if (ending !== 'inline') this.finish(world.nowMs);
  }

  finish(nowMs: number): void {
    this.over = true;
    this.endedAtMs = nowMs;
    this.onOver?.();
  }

  /** The attempt's worker is lost to the submitter, or was given up by it. */
  lose(attempt: AttemptNumber, nowMs: number): void {
    if (!this.lostAtMs.has(attempt)) this.lostAtMs.set(attempt, nowMs);
  }

  offer(world: World, attempt: AttemptNumber, peer: string): void {
    world.demand(
      attempt > this.lastAttempt,
      'I7',
      () => `job ${this.id}: attempt ${attempt} after ${this.lastAttempt}`,
    );
    world.demand(this.ending === undefined, 'I5', () => `job ${this.id} is offered after its end`);
    this.lastAttempt = attempt;
    this.lastPeer = peer;
    this.#mayStart(world, attempt);
    this.openAttempt = attempt;
  }

  /** The submitter heard from the worker that nothing of the attempt runs, or ever ran. */
  close(attempt: AttemptNumber): void {
    if (attempt === this.openAttempt) this.openAttempt = 0;
  }

  start(world: World, attempt: AttemptNumber): void {
    if (attempt === 0) this.#mayStart(world, attempt);
    else {
      this.remoteStarts += 1;
      world.demand(
        this.remoteStarts <= 3,
        'I7',
        () => `job ${this.id} started remotely ${this.remoteStarts} times`,
      );
    }
    this.live.add(attempt);
  }

  /** Commands whose outputs can't be renamed: no second one while the first may write. */
  #mayStart(world: World, attempt: AttemptNumber): void {
    if (this.demand.rewritable) return;
    const mayWrite = new Set(this.live);
    if (this.openAttempt !== 0) mayWrite.add(this.openAttempt);
    for (const other of mayWrite) {
      const lostAtMs = this.lostAtMs.get(other);
      world.demand(
        lostAtMs !== undefined && world.nowMs - lostAtMs >= 12_000 - 1e-6,
        'I8',
        () => `job ${this.id}: attempt ${attempt} while attempt ${other} may write, lost at ${lostAtMs}`,
      );
    }
  }
}
