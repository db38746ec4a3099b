/**
 * A machine: the dispatcher, worker and gossip table that ship, with the thinnest shell around them: connections with
 * heart beats, commands that take their time, wrappers.
 */
import {
  createTable,
  mergeReports,
  nextTellMs,
  ownReport,
  sweepTable,
  type Table,
  tell,
} from '../../src/core/gossip/table.ts';
import type { LoadReport } from '../../src/core/load-report.ts';
import type { RefusalCode, RetryCode } from '../../src/core/reason.ts';
import type {
  DispatcherAction,
  DispatcherEvent,
  JobDemand,
  WorkerAction,
  WorkerEvent,
} from '../../src/core/schedule/contract.ts';
import {
  createDispatcher,
  type DispatcherState,
  dispatch,
  inlineSlotsHeld,
  inlineWaiting,
} from '../../src/core/schedule/dispatcher.ts';
import {
  createWorker,
  inlineSlots,
  reportFigures,
  type WorkerState,
  work,
} from '../../src/core/schedule/worker.ts';
import { SimJob } from './sim-job.ts';
import type { World } from './world.ts';

export const suspectMs = 3_000;
export const lostMs = 8_000;
const beatMs = 1_000;
/** After the death of a submitter nothing of its jobs lives anywhere. */
const orphanMs = 12_000;
const GiB = 2 ** 30;

type Message =
  | { type: 'offer'; job: number; attempt: number; memoryBytes: number; sim: SimJob }
  | { type: 'recall' | 'cancel'; job: number; attempt: number }
  | { type: 'want'; jobs: number }
  | { type: 'accepted' | 'returned'; job: number; attempt: number; report: LoadReport }
  | { type: 'started'; job: number; attempt: number }
  | { type: 'refused'; job: number; attempt: number; code: RefusalCode; report: LoadReport }
  | { type: 'result'; job: number; attempt: number; report: LoadReport; failed: RetryCode | undefined }
  | { type: 'free'; report: LoadReport }
  | { type: 'gossip'; reports: LoadReport[] }
  | { type: 'beat' | 'beat-ack'; sentAtMs: number }
  | { type: 'closed' };

interface Neighbour {
  readonly peer: SimPeer;
  /** Number of the connection; messages of an older one are dropped. */
  readonly epoch: number;
  /** When the newest beat that was answered was sent. */
  ackedAtMs: number;
  suspect: boolean;
}

interface Process {
  readonly job: SimJob;
  readonly attempt: number;
  readonly submitter: SimPeer;
  dead: boolean;
}

export interface SimPeerOptions {
  readonly slots: number;
  /** Heart beats; without, nothing is ever found to be silent. */
  readonly beats: boolean;
  /** False: it never has a job of its own, so its dispatcher need not know of others; saves most of the memory of large swarms. */
  readonly submits?: boolean;
  /** A worker's whim, for fault runs: refuse this offer, or fail this job. */
  readonly whim?: () => { refuse?: RefusalCode; fail?: RetryCode; disbelieve?: boolean };
}

export class SimPeer {
  readonly world: World;
  readonly index: number;
  readonly id: string;
  readonly options: SimPeerOptions;
  dispatcher: DispatcherState;
  worker: WorkerState;
  table: Table;
  incarnation = 0;
  alive = true;
  frozen = false;
  #backlog: (() => void)[] = [];
  #thawedAtMs = Number.NEGATIVE_INFINITY;
  readonly neighbours = new Map<string, Neighbour>();
  readonly jobs = new Map<number, SimJob>();
  readonly #processes = new Map<string, Process>();
  #inlineSlotted = 0;
  #events: (() => void)[] = [];
  #draining = false;
  #ownSlots = -1;
  #inlineTold = '0 0';
  #gossipAtMs = Number.POSITIVE_INFINITY;
  #ids: string[] | undefined;
  load = 0;
  memoryFreeBytes = 16 * GiB;
  readonly notes = new Map<string, number>();

  constructor(world: World, index: number, options: SimPeerOptions) {
    this.world = world;
    this.index = index;
    this.id = `p${index}`;
    this.options = options;
    this.dispatcher = createDispatcher({ seed: 0 });
    this.worker = createWorker({ slots: 0 });
    this.table = createTable({ self: this.#firstReport() });
    this.boot();
  }

  boot(): void {
    const { world } = this;
    this.alive = true;
    this.incarnation += 1;
    this.dispatcher = createDispatcher({ seed: world.between(0, 2 ** 31), ownSlots: 0 });
    this.worker = createWorker({ slots: this.options.slots });
    this.table = createTable({ self: this.#firstReport(), seed: world.between(0, 2 ** 31) });
    this.#ownSlots = -1;
    this.#inlineTold = '0 0';
    this.#gossipAtMs = Number.POSITIVE_INFINITY;
    const { incarnation } = this;
    this.#sync();
    const repeat = (ms: number, action: () => void): void => {
      world.after(ms, () => {
        if (this.incarnation !== incarnation || !this.alive) return;
        this.#awake(action);
        repeat(ms, action);
      });
    };
    if (this.options.beats) repeat(beatMs, () => this.#beat());
    repeat(1_000, () => this.#gossip());
    repeat(5_000, () => sweepTable(this.table, world.nowMs, this.#neighbourIds()));
  }

  #firstReport(): LoadReport {
    const { slots } = this.options;
    return {
      id: this.id,
      incarnation: this.incarnation,
      sequence: 0,
      name: this.id,
      version: '0',
      addresses: [],
      slots,
      running: 0,
      queued: 0,
      load: 0,
      memoryFreeBytes: 16 * GiB,
      speed: 1,
      state: 'ready',
      reasons: [],
    };
  }

  report(): LoadReport {
    const { name, version, addresses, speed } = this.table.own;
    const figures = {
      name,
      version,
      addresses,
      speed,
      memoryFreeBytes: this.memoryFreeBytes,
      ...reportFigures(this.worker),
    };
    const report = ownReport(this.table, figures, this.world.nowMs);
    if (this.table.urgent) this.#gossipSoon();
    return report;
  }

  #gossipSoon(): void {
    const atMs = nextTellMs(this.table);
    if (atMs >= this.#gossipAtMs) return;
    this.#gossipAtMs = atMs;
    const { incarnation } = this;
    this.world.at(atMs, () => {
      if (this.incarnation === incarnation && this.alive) this.#awake(() => this.#gossip());
    });
  }

  #gossip(): void {
    this.#gossipAtMs = Number.POSITIVE_INFINITY;
    this.report();
    for (const { to, reports } of tell(this.table, this.world.nowMs, this.#neighbourIds())) {
      this.#send(to, { type: 'gossip', reports });
    }
  }

  #neighbourIds(): string[] {
    this.#ids ??= [...this.neighbours.keys()];
    return this.#ids;
  }

  // Wrappers

  submit(demand: JobDemand, lengthMs: number, onOver?: () => void): SimJob {
    const job = new SimJob(demand, lengthMs, this.world.nowMs);
    job.onOver = onOver;
    this.jobs.set(job.id, job);
    this.world.trace(() => `${this.id} job ${job.id}`);
    this.dispatch({ type: 'job', demand });
    return job;
  }

  /** Its wrapper goes away; what it runs inline is left alone. */
  cancel(job: SimJob): void {
    this.#awake(() => {
      if (job.ending === undefined) this.dispatch({ type: 'cancel', job: job.id });
    });
  }

  // Core

  dispatch(event: DispatcherEvent): void {
    this.#feed(() => {
      const [state, actions] = dispatch(this.dispatcher, event, this.world.nowMs);
      this.dispatcher = state;
      for (const action of actions) this.#carryDispatcher(action);
      this.#sync();
    });
  }

  work(event: WorkerEvent): void {
    this.#feed(() => {
      const [state, actions] = work(this.worker, event, this.world.nowMs);
      this.worker = state;
      for (const action of actions) this.#carryWorker(action);
      this.#sync();
    });
  }

  /** Both halves know of each other's slots before anything else happens. */
  #sync(): void {
    const running = inlineSlotsHeld(this.dispatcher);
    const waiting = inlineWaiting(this.dispatcher);
    const told = `${running} ${waiting}`;
    if (told !== this.#inlineTold) {
      this.#inlineTold = told;
      this.#events.unshift(() => this.#stepWorker({ type: 'inline', running, waiting }));
    }
    const freeSlots = inlineSlots(this.worker);
    if (freeSlots !== this.#ownSlots) {
      this.#ownSlots = freeSlots;
      this.#events.unshift(() => this.#stepOwn(freeSlots));
    }
    this.#drain();
  }

  #stepWorker(event: WorkerEvent): void {
    const [state, actions] = work(this.worker, event, this.world.nowMs);
    this.worker = state;
    for (const action of actions) this.#carryWorker(action);
    this.#sync();
  }

  #stepOwn(freeSlots: number): void {
    const [state, actions] = dispatch(this.dispatcher, { type: 'own', freeSlots }, this.world.nowMs);
    this.dispatcher = state;
    for (const action of actions) this.#carryDispatcher(action);
    this.#sync();
  }

  #feed(step: () => void): void {
    this.#events.push(step);
    this.#drain();
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let step = this.#events.shift(); step !== undefined; step = this.#events.shift()) step();
    } finally {
      this.#draining = false;
    }
  }

  #carryDispatcher(action: DispatcherAction): void {
    const { world } = this;
    switch (action.type) {
      case 'offer': {
        const sim = this.#jobOf(action.job);
        sim.offer(world, action.attempt, action.peer);
        const { job, attempt } = action;
        this.#send(action.peer, { type: 'offer', job, attempt, memoryBytes: sim.demand.memoryBytes, sim });
        return;
      }
      case 'recall':
        return this.#send(action.peer, { type: 'recall', job: action.job, attempt: action.attempt });
      case 'abandon':
        this.#jobOf(action.job).lose(action.attempt, world.nowMs);
        return this.#send(action.peer, { type: 'cancel', job: action.job, attempt: action.attempt });
      case 'inline':
        return this.#runInline(this.#jobOf(action.job), action.reason);
      case 'finish':
        world.demand(
          action.attempt === this.#jobOf(action.job).lastAttempt,
          'I1',
          () => `job ${action.job} ends by its old attempt ${action.attempt}`,
        );
        this.#jobOf(action.job).end(world, 'finish');
        this.jobs.delete(action.job);
        return;
      case 'dropped':
        this.#jobOf(action.job).end(world, 'dropped');
        this.jobs.delete(action.job);
        return;
      case 'want':
        return this.#send(action.peer, { type: 'want', jobs: action.jobs });
      case 'note':
        this.notes.set(action.reason, (this.notes.get(action.reason) ?? 0) + 1);
        return;
      case 'wake':
        return this.#wakeAt(action.atMs, () => this.dispatch({ type: 'tick' }));
    }
  }

  #wakeAt(atMs: number, action: () => void): void {
    const { incarnation } = this;
    this.world.at(atMs, () => {
      if (this.incarnation === incarnation && this.alive) this.#awake(action);
    });
  }

  #jobOf(job: number): SimJob {
    const sim = this.jobs.get(job);
    if (sim === undefined) throw new Error(`${this.id} acts on job ${job}, which it does not have`);
    return sim;
  }

  #runInline(job: SimJob, reason: string): void {
    const { world } = this;
    job.end(world, 'inline');
    world.trace(() => `${this.id} inline ${job.id} ${reason}`);
    this.notes.set(reason, (this.notes.get(reason) ?? 0) + 1);
    job.start(world, 0);
    const slotted = !job.demand.unslotted && !job.demand.nested;
    if (slotted) {
      this.#inlineSlotted += 1;
      world.demand(
        this.#inlineSlotted <= Math.max(1, this.options.slots),
        'I13',
        () => `${this.id} runs ${this.#inlineSlotted} inline`,
      );
      this.#checkSlots();
    }
    const { incarnation } = this;
    world.after(job.lengthMs, () => {
      job.live.delete(0);
      // The wrapper became the command, so it ends whatever became of the peer.
      if (!job.over) job.finish(world.nowMs);
      if (this.incarnation !== incarnation || !this.alive) return;
      if (slotted) this.#inlineSlotted -= 1;
      this.#awake(() => {
        this.jobs.delete(job.id);
        this.dispatch({ type: 'released', job: job.id });
      });
    });
  }

  #checkSlots(): void {
    const used = this.#processes.size + this.#inlineSlotted;
    this.world.demand(
      used <= Math.max(1, this.options.slots),
      'I9',
      () => `${this.id} runs ${used} on ${this.options.slots} slots`,
    );
  }

  #carryWorker(action: WorkerAction): void {
    const { world } = this;
    switch (action.type) {
      case 'accept':
        return this.#send(action.peer, {
          type: 'accepted',
          job: action.job,
          attempt: action.attempt,
          report: this.report(),
        });
      case 'refuse': {
        this.#offered.delete(`${action.job} ${action.peer}`);
        const { job, attempt, code } = action;
        return this.#send(action.peer, { type: 'refused', job, attempt, code, report: this.report() });
      }
      case 'start': {
        const key = `${action.job} ${action.peer}`;
        const offered = this.#offered.get(key);
        if (offered === undefined) throw new Error(`${this.id} starts ${key}, which it was not offered`);
        const process: Process = { ...offered, dead: false };
        this.#processes.set(key, process);
        this.#checkSlots();
        process.job.start(world, process.attempt);
        world.trace(() => `${this.id} runs ${key}#${process.attempt}`);
        this.#send(action.peer, { type: 'started', job: action.job, attempt: action.attempt });
        world.after(process.job.lengthMs, () => this.#processEnds(key, process));
        return;
      }
      case 'kill': {
        const key = `${action.job} ${action.peer}`;
        const process = this.#processes.get(key);
        if (process !== undefined)
          world.after(world.between(1, 250), () => this.#processEnds(key, process, true));
        return;
      }
      case 'return':
        this.#offered.delete(`${action.job} ${action.peer}`);
        return this.#send(action.peer, {
          type: 'returned',
          job: action.job,
          attempt: action.attempt,
          report: this.report(),
        });
      case 'free':
        return this.#send(action.peer, { type: 'free', report: this.report() });
      case 'changed':
        this.report();
        return;
      case 'wake':
        return this.#wakeAt(action.atMs, () => this.work({ type: 'tick' }));
    }
  }

  /** Offers that were accepted, by job and submitter. */
  readonly #offered = new Map<string, { job: SimJob; attempt: number; submitter: SimPeer }>();

  #processEnds(key: string, process: Process, killed = false): void {
    if (process.dead) return;
    process.dead = true;
    process.job.live.delete(process.attempt);
    if (this.#processes.get(key) !== process) return;
    this.#processes.delete(key);
    const { incarnation } = this;
    this.#awake(() => {
      if (this.incarnation !== incarnation) return;
      this.#offered.delete(key);
      this.work({ type: 'ended', peer: process.submitter.id, job: process.job.id, maxRssBytes: 0 });
      const failed = this.options.whim?.().fail;
      this.#feed(() => {
        if (killed) return;
        const message = {
          type: 'result',
          job: process.job.id,
          attempt: process.attempt,
          report: this.report(),
          failed,
        } as const;
        this.#send(process.submitter.id, message);
      });
    });
  }

  // Connections

  connect(other: SimPeer, epoch: number): void {
    this.disconnect(other.id);
    const neighbour = { peer: other, epoch, ackedAtMs: this.world.nowMs, suspect: false };
    this.neighbours.set(other.id, neighbour);
    this.#ids = undefined;
    const report = other.report();
    mergeReports(this.table, [report], other.id, this.world.nowMs);
    if (this.options.submits !== false) this.dispatch({ type: 'peer-up', report });
  }

  /** The connection is gone: everything that went over it ended with it. */
  disconnect(id: string): void {
    if (!this.neighbours.delete(id)) return;
    this.#ids = undefined;
    this.world.trace(() => `${this.id} lost ${id}`);
    for (const job of this.jobs.values()) {
      if (job.lastPeer === id) job.lose(job.lastAttempt, this.world.nowMs);
    }
    for (const [key, { submitter }] of this.#offered) {
      if (submitter.id === id && !this.#processes.has(key)) this.#offered.delete(key);
    }
    this.work({ type: 'peer-down', peer: id });
    this.dispatch({ type: 'peer-down', peer: id });
  }

  #send(to: string, message: Message): void {
    const neighbour = this.neighbours.get(to);
    if (neighbour === undefined || !this.alive) return;
    const { peer, epoch } = neighbour;
    this.world.send(this.index, peer.index, () => peer.#receive(this.id, epoch, message));
  }

  #receive(from: string, epoch: number, message: Message): void {
    if (!this.alive) return;
    this.#awake(() => {
      const neighbour = this.neighbours.get(from);
      if (neighbour?.epoch !== epoch) return;
      this.world.trace(
        () =>
          `${from} -> ${this.id} ${message.type}${'job' in message ? ` ${message.job}#${message.attempt}` : ''}`,
      );
      this.#hear(from, neighbour, message);
    });
  }

  #hear(from: string, neighbour: Neighbour, message: Message): void {
    if (message.type === 'refused' || message.type === 'returned' || message.type === 'result') {
      this.jobs.get(message.job)?.close(message.attempt);
    }
    switch (message.type) {
      case 'offer': {
        const { job, attempt, memoryBytes } = message;
        const refuse = this.options.whim?.().refuse;
        if (refuse !== undefined) {
          return this.#send(from, { type: 'refused', job, attempt, code: refuse, report: this.report() });
        }
        const key = `${job} ${from}`;
        if (!this.#offered.has(key))
          this.#offered.set(key, { job: message.sim, attempt, submitter: neighbour.peer });
        return this.work({ type: 'offer', peer: from, job, attempt, memoryBytes });
      }
      case 'recall':
        return this.work({ type: 'recall', peer: from, job: message.job });
      case 'cancel':
        if (this.#offered.get(`${message.job} ${from}`)?.attempt !== message.attempt) return;
        if (!this.#processes.has(`${message.job} ${from}`)) this.#offered.delete(`${message.job} ${from}`);
        return this.work({ type: 'cancelled', peer: from, job: message.job });
      case 'want':
        return this.work({ type: 'want', peer: from, jobs: message.jobs });
      case 'result': {
        const { job, attempt, report, failed } = message;
        if (failed !== undefined)
          return this.dispatch({ type: 'failed', job, attempt, reason: failed, confirmed: true });
        const believed = this.options.whim?.().disbelieve !== true;
        return this.dispatch({
          type: 'ended',
          job,
          attempt,
          report,
          believed,
          ending: { kind: 'exited', status: 0 },
        });
      }
      case 'accepted':
      case 'returned':
      case 'started':
      case 'refused':
      case 'free':
        return this.dispatch(message);
      case 'gossip':
        for (const report of mergeReports(this.table, message.reports, from, this.world.nowMs)) {
          if (this.dispatcher.peers.has(report.id)) this.dispatch({ type: 'report', report });
        }
        return;
      case 'beat':
        return this.#send(from, { type: 'beat-ack', sentAtMs: message.sentAtMs });
      case 'beat-ack':
        neighbour.ackedAtMs = Math.max(neighbour.ackedAtMs, message.sentAtMs);
        if (neighbour.suspect && this.world.nowMs - neighbour.ackedAtMs < suspectMs) {
          neighbour.suspect = false;
          this.dispatch({ type: 'peer-well', peer: from });
        }
        return;
      case 'closed':
        return this.disconnect(from);
    }
  }

  #beat(): void {
    for (const [id, neighbour] of this.neighbours) {
      const silentMs = this.world.nowMs - neighbour.ackedAtMs;
      if (silentMs > lostMs) {
        this.#send(id, { type: 'closed' });
        this.disconnect(id);
        continue;
      }
      if (silentMs > suspectMs && !neighbour.suspect) {
        neighbour.suspect = true;
        this.world.trace(() => `${this.id} suspects ${id}`);
        this.dispatch({ type: 'peer-suspect', peer: id });
      }
      this.#send(id, { type: 'beat', sentAtMs: this.world.nowMs });
    }
  }

  /** Own whim, for fault runs: other people's load on the machine. */
  measure(load: number, memoryFreeBytes: number): void {
    this.load = load;
    this.memoryFreeBytes = memoryFreeBytes;
    this.#awake(() => this.work({ type: 'machine', load, memoryFreeBytes }));
  }

  // Faults

  /** Does it now, or when the process goes on. */
  #awake(action: () => void): void {
    if (!this.alive) return;
    if (this.frozen) this.#backlog.push(action);
    else action();
  }

  freeze(): void {
    this.frozen = true;
    this.world.trace(() => `${this.id} freezes`);
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    this.#thawedAtMs = this.world.nowMs;
    this.world.trace(() => `${this.id} thaws`);
    const backlog = this.#backlog;
    this.#backlog = [];
    if (!this.alive) return;
    // Leases that lapsed meanwhile end before anything is said or heard.
    if (this.options.beats) this.#beat();
    for (const action of backlog) this.#awake(action);
  }

  /** The machine's peer dies: its commands with it, its wrappers run their commands themselves. */
  crash(): void {
    if (!this.alive) return;
    this.world.trace(() => `${this.id} crashes`);
    for (const { peer } of this.neighbours.values()) peer.expectEnd(this);
    for (const id of this.neighbours.keys()) this.#send(id, { type: 'closed' });
    this.alive = false;
    this.frozen = false;
    this.#backlog = [];
    this.#events = [];
    this.neighbours.clear();
    this.#ids = undefined;
    for (const process of this.#processes.values()) {
      process.dead = true;
      process.job.live.delete(process.attempt);
    }
    this.#processes.clear();
    this.#offered.clear();
    this.#inlineSlotted = 0;
    for (const job of this.jobs.values()) if (job.ending === undefined) job.end(this.world, 'orphaned');
    this.jobs.clear();
  }

  /** Commands of a submitter that died end in time, unless this machine is stopped itself. */
  expectEnd(submitter: SimPeer): void {
    const { world } = this;
    const diedAtMs = world.nowMs;
    const orphans = [...this.#processes].filter(([, process]) => process.submitter === submitter);
    world.after(orphanMs, () => {
      if (this.frozen || this.#thawedAtMs > diedAtMs) return;
      for (const [key, { dead }] of orphans) {
        world.demand(
          dead,
          'I11',
          () => `${this.id} still runs ${key}, ${orphanMs} ms after its submitter died`,
        );
      }
    });
  }

  /** Nothing of a job is left here. */
  checkIdle(): void {
    const { world, dispatcher, worker } = this;
    const name = this.id;
    world.demand(
      this.#processes.size === 0 && worker.jobs.size === 0 && worker.queue.size === 0,
      'I9',
      () => `${name} keeps ${worker.jobs.size} jobs`,
    );
    world.demand(this.#offered.size === 0, 'I24', () => `${name} keeps offers`);
    world.demand(dispatcher.jobs.size === 0, 'I24', () => `${name} keeps ${dispatcher.jobs.size} jobs`);
    world.demand(
      dispatcher.queue.size === 0 && dispatcher.inlineQueue.length === 0,
      'I24',
      () => `${name} keeps a queue`,
    );
    world.demand(
      dispatcher.ownHeld === 0 && dispatcher.inlineJobs === 0 && dispatcher.remoteJobs === 0,
      'I24',
      () => `${name} counts jobs that are gone`,
    );
    world.demand(dispatcher.recalls === 0, 'I24', () => `${name} waits for ${dispatcher.recalls} recalls`);
    world.demand(dispatcher.deadlines.items.length === 0, 'I24', () => `${name} keeps deadlines`);
    world.demand(
      worker.line.waiters.size === 0 && worker.line.reservations.size === 0,
      'I24',
      () => `${name} keeps a line`,
    );
    let asked = 0;
    for (const peer of dispatcher.peers.values()) {
      world.demand(
        peer.mine.size === 0 && peer.known === 0 && peer.waiting.size === 0,
        'I10',
        () => `${name} has ${peer.mine.size}, ${peer.known} jobs at ${peer.name}`,
      );
      if (peer.asked > 0) asked += 1;
    }
    world.demand(
      asked === dispatcher.askedPeers,
      'I24',
      () => `${name} asked ${asked} peers and counts ${dispatcher.askedPeers}`,
    );
  }

  /** Own books of jobs in flight agree; after any event. */
  checkBooks(): void {
    const { dispatcher } = this;
    let live = 0;
    for (const [job, record] of dispatcher.jobs) {
      if (record.attempt === undefined) continue;
      live += 1;
      const peer = dispatcher.peers.get(record.attempt.peer);
      const booked = peer?.mine.has(job) ?? false;
      this.world.demand(
        booked === (record.attempt.stage !== 'fenced'),
        'I10',
        () => `${this.id}: job ${job} is not on the books of ${record.attempt?.peer}`,
      );
    }
    this.world.demand(
      live === dispatcher.remoteJobs,
      'I10',
      () => `${this.id} counts ${dispatcher.remoteJobs} remote jobs, has ${live}`,
    );
  }
}
