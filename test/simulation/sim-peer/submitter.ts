import type { DispatcherAction, DispatcherEvent, JobDemand } from '../../../src/core/schedule/contract.ts';
import { SimJob } from '../sim-job.ts';
import type { Commands } from './commands.ts';
import type { Connections } from './connections.ts';
import type { Life } from './life.ts';
import type { ToSubmitter } from './message.ts';
import type { Settled, SimPeerOptions } from './options.ts';
import type { Scheduler } from './scheduler.ts';

/** The submitting half of a machine: its wrappers and their jobs; carries out what the dispatcher decides. */
export class Submitter {
  readonly #life: Life;
  readonly #options: SimPeerOptions;
  readonly #scheduler: Scheduler;
  readonly #connections: Connections;
  readonly #commands: Commands;
  readonly #jobs = new Map<number, SimJob>();
  /** How often each reason was given. */
  readonly notes = new Map<string, number>();
  /** Called when a job begins to run here. */
  onInline: ((job: SimJob, reason: string) => void) | undefined;

  constructor(
    life: Life,
    options: SimPeerOptions,
    scheduler: Scheduler,
    connections: Connections,
    commands: Commands,
  ) {
    this.#life = life;
    this.#options = options;
    this.#scheduler = scheduler;
    this.#connections = connections;
    this.#commands = commands;
  }

  submit(demand: JobDemand, lengthMs: number, onOver?: () => void): SimJob {
    const { world, id } = this.#life;
    const job = new SimJob(demand, lengthMs, world.nowMs);
    job.onOver = onOver;
    this.#jobs.set(job.id, job);
    world.trace(() => `${id} job ${job.id}`);
    this.#scheduler.dispatch({ type: 'job', demand });
    return job;
  }

  /** Its wrapper goes away; what it runs inline is left alone. */
  cancel(job: SimJob): void {
    this.#life.awake(() => {
      if (job.ending === 'inline' && !job.over) this.#endInline(job);
      else if (job.ending !== undefined) return;
      this.#scheduler.dispatch({ type: 'cancel', job: job.id });
    });
  }

  /** The wrapper that became its command is gone. */
  #endInline(job: SimJob): void {
    job.live.delete(0);
    job.finish(this.#life.world.nowMs);
    if (!job.demand.unslotted && !job.demand.nested) this.#commands.endInline();
    this.#jobs.delete(job.id);
  }

  carry(action: DispatcherAction): void {
    const { world } = this.#life;
    switch (action.type) {
      case 'offer': {
        const sim = this.#jobOf(action.job);
        sim.offer(world, action.attempt, action.peer);
        const { job, attempt } = action;
        const whim = this.#options.whims?.offer();
        if (whim !== undefined) return this.#notOffered(sim, attempt, whim);
        const { memoryBytes } = sim.demand;
        return this.#connections.send(action.peer, { type: 'offer', job, attempt, memoryBytes, sim });
      }
      case 'recall': {
        const { job, attempt } = action;
        return this.#connections.send(action.peer, { type: 'recall', job, attempt });
      }
      case 'abandon': {
        const { job, attempt } = action;
        this.#jobOf(job).lose(attempt, world.nowMs);
        return this.#connections.send(action.peer, { type: 'cancel', job, attempt });
      }
      case 'inline':
        return this.#runInline(this.#jobOf(action.job), action.reason);
      case 'finish':
        world.demand(
          action.attempt === this.#jobOf(action.job).lastAttempt,
          'I1',
          () => `job ${action.job} ends by its old attempt ${action.attempt}`,
        );
        this.#jobOf(action.job).end(world, 'finish');
        this.#jobs.delete(action.job);
        return;
      case 'dropped':
        this.#jobOf(action.job).end(world, 'dropped');
        this.#jobs.delete(action.job);
        return;
      case 'want':
        return this.#connections.send(action.peer, { type: 'want', jobs: action.jobs });
      case 'note':
        return this.#note(action.reason);
      case 'wake':
        return this.#life.at(action.atMs, () => this.#scheduler.dispatch({ type: 'tick' }));
    }
  }

  /** Before anything was sent it turns out that it cannot be. */
  #notOffered(job: SimJob, attempt: number, whim: 'fails' | 'unprovable'): void {
    this.#life.at(this.#life.world.nowMs + 1, () => {
      job.close(attempt);
      if (whim === 'unprovable') this.#scheduler.dispatch({ type: 'unprovable', job: job.id, attempt });
      else
        this.#scheduler.dispatch({
          type: 'failed',
          job: job.id,
          attempt,
          reason: 'lost-peer',
          confirmed: true,
        });
    });
  }

  #note(reason: string): void {
    this.notes.set(reason, (this.notes.get(reason) ?? 0) + 1);
  }

  #jobOf(job: number): SimJob {
    const sim = this.#jobs.get(job);
    this.#life.world.demand(
      sim !== undefined,
      'I5',
      () => `${this.#life.id} acts on job ${job}, which is over`,
    );
    if (sim === undefined) throw new Error('internal: demanded above');
    return sim;
  }

  #runInline(job: SimJob, reason: string): void {
    const { world, id, incarnation } = this.#life;
    this.onInline?.(job, reason);
    job.end(world, 'inline');
    world.trace(() => `${id} inline ${job.id} ${reason}`);
    this.#note(reason);
    job.start(world, 0);
    const slotted = !job.demand.unslotted && !job.demand.nested;
    if (slotted) this.#commands.startInline();
    world.after(job.lengthMs, () => {
      if (!job.live.has(0)) return;
      job.live.delete(0);
      // The wrapper became the command, so it ends whatever became of the peer.
      if (!job.over) job.finish(world.nowMs);
      if (this.#life.incarnation !== incarnation || !this.#life.alive) return;
      if (slotted) this.#commands.endInline();
      this.#life.awake(() => {
        this.#jobs.delete(job.id);
        this.#scheduler.dispatch({ type: 'released', job: job.id });
      });
    });
  }

  hear(message: ToSubmitter): void {
    switch (message.type) {
      case 'result': {
        this.#jobs.get(message.job)?.close(message.attempt);
        const whim = this.#options.whims?.settle();
        if (whim === undefined) return this.#settle(message, undefined);
        return this.#life.at(this.#life.world.nowMs + whim.afterMs, () => this.#settle(message, whim.as));
      }
      case 'refused':
      case 'returned':
        this.#jobs.get(message.job)?.close(message.attempt);
        return this.#scheduler.dispatch(message);
      case 'accepted':
      case 'started':
      case 'free':
        return this.#scheduler.dispatch(message);
    }
  }

  /** What became of a result, once the outputs are seen here. */
  #settle(
    { job, attempt, report, failed }: Extract<ToSubmitter, { type: 'result' }>,
    whim: Settled | undefined,
  ): void {
    const dispatch = (event: DispatcherEvent): void => this.#scheduler.dispatch(event);
    const reason = failed ?? (whim === 'view-grew' ? whim : undefined);
    if (reason !== undefined) return dispatch({ type: 'failed', job, attempt, reason, confirmed: true });
    if (whim === 'unprovable') return dispatch({ type: 'unprovable', job, attempt });
    if (whim === 'unfit') return dispatch({ type: 'refused', job, attempt, code: 'toolchain', report });
    const ending = { kind: 'exited', status: 0 } as const;
    dispatch({ type: 'ended', job, attempt, report, believed: whim === undefined, ending });
  }

  /** The attempts that a worker had are lost with it. */
  loseWorker(id: string): void {
    for (const job of this.#jobs.values()) {
      if (job.lastPeer === id) job.lose(job.lastAttempt, this.#life.world.nowMs);
    }
  }

  /** The peer is dead: wrappers run their commands themselves. */
  orphan(): void {
    for (const job of this.#jobs.values()) {
      if (job.ending === undefined) job.end(this.#life.world, 'orphaned');
    }
    this.#jobs.clear();
  }
}
