/**
 * The worker's side: checks offers of other peers, carries out what the worker's state machine decides, runs commands
 * and sends their output and end. One stream a job; its closing is the cancellation.
 */
import type { LoadReport } from '../../core/load-report.ts';
import type { JobId, PeerName, WorkerAction, WorkerEvent } from '../../core/schedule/contract.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import type { Frame } from '../../wire/frame.ts';
import type { JobFacts } from '../../wire/job-messages.ts';
import type { Runner } from '../../work/runner.ts';
import type { Tracer } from '../../work/tracer.ts';
import { type StartTimer, startTimer } from '../alarm.ts';
import type { Admission } from './admission.ts';
import type { ApartPlaces } from './apart-places.ts';
import type { Refusal } from './contract.ts';
import type { Findings } from './findings.ts';
import type { HostedJob, RunEnd } from './hosted-job.ts';
import { HostedLog } from './hosted-log.ts';
import { Reception, type ReceptionInit } from './reception.ts';
import type { ServedEnd, ServedJobs } from './served/served-jobs.ts';
import { UnderWay } from './under-way.ts';

/** How often leases are renewed; see leaseMs in ../mesh/neighbours.ts. */
const renewMs = 1_000;
/** Longest wait at the end of the peer: TERM, a quarter of a second, KILL, and the removal of what commands wrote. */
const endMs = 2_000;

export interface JobHostInit extends Omit<ReceptionInit, 'startTimer'> {
  readonly runner: Pick<Runner, 'run'>;
  readonly tracer: Pick<Tracer, 'begin' | 'end'> | undefined;
  /** Checks before a job: is its submitter a member, is this the same share, view and toolchain? */
  readonly admission: Pick<Admission, 'check'>;
  /** Looks at the files after a job. */
  readonly findings: Pick<Findings, 'begin' | 'look' | 'discard'>;
  /** Jobs in the files of their submitter. */
  readonly served: Pick<ServedJobs, 'begin' | 'conclude' | 'forget'>;
  /** Where opaque commands write what is temporary. */
  readonly apart: Pick<ApartPlaces, 'begin' | 'conclude' | 'forget'>;
  /** Feeds the worker's state machine and returns what it wants done. */
  readonly decide: (event: WorkerEvent) => readonly WorkerAction[];
  readonly report: () => LoadReport;
  readonly tellFree: (peer: PeerName) => void;
  readonly changed: () => void;
  readonly wake: (atMs: number) => void;
  /** When a word of that peer was last heard, whatever it said; undefined if it is not connected. */
  readonly lastWordMs: (peer: PeerName) => number | undefined;
  /** A job for that peer began or ended. */
  readonly watch: (peer: PeerName, on: boolean) => void;
  /** Runs tasks one after the other, see ../turns.ts. */
  readonly turns: (task: () => void) => void;
  readonly startTimer?: StartTimer;
}

export class JobHost {
  /** Jobs done for others since the start, by peer. */
  readonly doneFor = new Map<PeerName, number>();
  readonly log: HostedLog;
  readonly #init: JobHostInit;
  readonly #reception: Reception;
  /** That wait or run here. */
  readonly #jobs = new Map<string, HostedJob>();
  /** Jobs that have ended and whose result is made out. */
  readonly #finishing = new Set<HostedJob>();
  /** Commands that run, and the removal of what others left. */
  readonly #underWay = new UnderWay();
  #cancelRenewal: (() => void) | undefined;

  constructor(init: JobHostInit) {
    this.#init = init;
    this.log = new HostedLog(init.now);
    this.#reception = new Reception(
      { ...init, startTimer: init.startTimer ?? startTimer },
      {
        onOffer: (job) => this.#offered(job),
        onFrame: (job, frame) => this.#take(job, frame),
        onGone: (job) => this.#gone(job),
      },
    );
  }

  /** Process ids of the commands that run for others now. */
  get pids(): number[] {
    return [...this.#jobs.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** Jobs that wait or run here, by the peer that asked for them. */
  countByPeer(): Map<PeerName, number> {
    const counts = new Map<PeerName, number>();
    for (const { peer } of this.#jobs.values()) counts.set(peer, (counts.get(peer) ?? 0) + 1);
    return counts;
  }

  /** Jobs whose submitter waits for a last word. */
  get size(): number {
    return this.#jobs.size + this.#finishing.size;
  }

  /** A peer has opened a stream for a job. */
  open(peer: PeerName, channel: JobChannel): void {
    this.#reception.open(peer, channel);
  }

  /** Feeds an event to the state machine and does what it says. */
  apply(event: WorkerEvent): void {
    this.#init.turns(() => {
      for (const action of this.#init.decide(event)) this.#act(action);
    });
  }

  /** Ends everything that runs here, and gives back what waits. Resolves when nothing is left of it, or that takes too long. */
  async endAll(): Promise<void> {
    this.#cancelRenewal?.();
    // No other is started in the place of one that is ended.
    this.apply({ type: 'leaving' });
    for (const job of [...this.#jobs.values(), ...this.#finishing]) {
      job.abort();
      this.#gone(job);
    }
    let cancelTimer = (): void => undefined;
    const tooLong = new Promise<void>((resolve) => {
      cancelTimer = (this.#init.startTimer ?? startTimer)(endMs, resolve);
    });
    await Promise.race([this.#underWay.over(), tooLong]);
    cancelTimer();
  }

  #offered(job: HostedJob): void {
    const { peer, offer } = job;
    const key = keyOf(peer, offer.job);
    if (this.#jobs.has(key)) {
      const detail = 'an earlier attempt of this job is still here';
      return job.refuse({ code: 'busy', detail }, this.#init.report());
    }
    this.#jobs.set(key, job);
    this.#init.watch(peer, true);
    this.#check(job)
      .catch((error: unknown): Refusal => ({ code: 'stale-view', detail: String(error).slice(0, 1_000) }))
      .then((refusal) => this.#checked(job, refusal))
      .catch((error: unknown) => this.#broken(job, error));
  }

  async #check(job: HostedJob): Promise<Refusal | undefined> {
    const refusal = await this.#init.admission.check(job.peer, job);
    if (refusal === undefined) await this.#init.findings.begin(job.offer);
    return refusal;
  }

  #checked(job: HostedJob, refusal: Refusal | undefined): void {
    const { peer, offer } = job;
    // Its submitter may have closed the stream meanwhile.
    if (!this.#isHere(job)) return;
    if (refusal !== undefined) {
      this.#remove(job);
      return job.refuse(refusal, this.#init.report());
    }
    const { job: id, attempt, memoryBytes } = offer;
    this.apply({ type: 'offer', peer, job: id, attempt, memoryBytes });
  }

  /** It cannot be answered; the submitter sees a lost stream, and tries elsewhere. */
  #broken(job: HostedJob, error: unknown): void {
    this.#init.log('a job could not be answered', { job: job.offer.job, error: String(error) });
    job.abort();
    this.#gone(job);
  }

  #act(action: WorkerAction): void {
    if (action.type === 'free') return this.#init.tellFree(action.peer);
    if (action.type === 'changed') return this.#init.changed();
    if (action.type === 'wake') return this.#init.wake(action.atMs);
    const job = this.#jobs.get(keyOf(action.peer, action.job));
    if (job === undefined) return;
    switch (action.type) {
      case 'accept':
        job.accept(this.#init.report(), this.#init.startTimer ?? startTimer);
        break;
      case 'refuse':
        this.#remove(job);
        job.refuse({ code: action.code, detail: '' }, this.#init.report());
        break;
      case 'start':
        this.#start(job);
        break;
      case 'kill':
        job.kill();
        break;
      case 'return':
        this.#remove(job);
        job.giveBack();
        break;
      default:
        action satisfies never;
    }
  }

  #start(job: HostedJob): void {
    const { served, apart, tracer } = this.#init;
    this.log.begin(job);
    const ended = this.#underWay.begin();
    const over = (end: RunEnd): void => {
      ended();
      this.#over(job, end);
    };
    try {
      if (job.offer.traced) job.trace = tracer?.begin(job.offer.cwd);
      const instead = job.offer.served === undefined ? apart.begin(job) : served.begin(job);
      job.run(this.#init, instead, over);
    } catch (error) {
      return over({ kind: 'spawn-failed', why: String(error) });
    }
    if (job.isLeased) this.#renewLater();
  }

  #over(job: HostedJob, end: RunEnd): void {
    const { peer, offer } = job;
    const isWanted = this.#isHere(job);
    if (isWanted) this.#jobs.delete(keyOf(peer, offer.job));
    this.log.end(job, end.kind === 'ended' ? end.exit.ending : undefined);
    const maxRssBytes = end.kind === 'ended' ? end.exit.maxRssBytes : 0;
    // The slot first: the next job starts while this one's result is made out.
    this.apply({ type: 'ended', peer, job: offer.job, maxRssBytes });
    if (isWanted && end.kind === 'ended') return this.#finish(job, end);
    // Cancelled, and now nothing writes any more: what it left under hidden names is nobody's.
    this.#endTrace(job);
    this.#init.served.forget(job);
    this.#underWay.add(this.#init.apart.forget(job));
    if (!isWanted) return this.#discard(job);
    this.#init.watch(peer, false);
    if (end.kind === 'spawn-failed') return job.failToSpawn(end.why, this.#init.report());
    if (end.kind === 'lapsed') {
      this.#init.log('a job was ended: its submitter was not heard for too long', { peer, job: offer.job });
      this.#discard(job);
      return job.abort();
    }
  }

  #discard({ offer }: HostedJob): void {
    this.#underWay.add(this.#init.findings.discard(offer));
  }

  /** Its submitter is watched until it has been told: what the job left is kept for so long, and is not to outlive it. */
  #finish(job: HostedJob, end: Extract<RunEnd, { kind: 'ended' }>): void {
    const { peer } = job;
    this.doneFor.set(peer, (this.doneFor.get(peer) ?? 0) + 1);
    this.#finishing.add(job);
    const told = this.#conclude(job, end.exit.left)
      .then((ended) => {
        if (ended.kind === 'failed') job.failToSpawn(ended.why, this.#init.report());
        else job.finish({ ...end, left: ended.left }, ended.facts, this.#init.report());
      })
      .catch((error: unknown) => this.#broken(job, error))
      .finally(() => {
        this.#finishing.delete(job);
        this.#init.watch(peer, false);
        this.#endTrace(job);
      });
    this.#underWay.add(told);
  }

  /** What its submitter is told besides how it ended. @throws where its submitter must take it for lost. */
  async #conclude(job: HostedJob, left: number): Promise<ServedEnd> {
    if (job.offer.served !== undefined) return await this.#init.served.conclude(job);
    // Others look while this thread removes what the job had to itself.
    const [seen, unsent] = await Promise.all([this.#see(job), this.#init.apart.conclude(job, left)]);
    const { notApart } = job;
    const facts = {
      ...seen,
      ...(unsent !== undefined && { gap: unsent }),
      ...(notApart !== undefined && { notApart }),
    };
    return { kind: 'facts', facts };
  }

  /** Never rejects: what cannot be looked at is not known. */
  async #see(job: HostedJob): Promise<JobFacts> {
    try {
      return await this.#init.findings.look(job);
    } catch (error) {
      const facts = { job: job.offer.job, error: String(error) };
      this.#init.log('the outputs of a job could not be looked at', facts);
      return { outputs: [], ...(job.offer.scan.length > 0 && { unscanned: String(error) }) };
    }
  }

  /** Renews leases for as long as there are any. */
  #renewLater(): void {
    this.#cancelRenewal ??= (this.#init.startTimer ?? startTimer)(renewMs, () => {
      this.#cancelRenewal = undefined;
      for (const job of this.#jobs.values()) {
        if (!job.isLeased) continue;
        job.renew(this.#init.lastWordMs(job.peer) ?? 0);
        this.#renewLater();
      }
    });
  }

  #endTrace({ trace }: HostedJob): void {
    if (trace !== undefined) this.#init.tracer?.end(trace);
  }

  #take(job: HostedJob, frame: Frame): void {
    if (frame.type !== 'RECALL') return job.take(frame);
    // The state machine does not know a job that is still being checked, so that goes on.
    this.apply({ type: 'recall', peer: job.peer, job: job.offer.job });
  }

  #gone(job: HostedJob): void {
    job.lose();
    if (!this.#remove(job)) return;
    this.apply({ type: 'cancelled', peer: job.peer, job: job.offer.job });
    // The state machine waits for `ended`, which comes when the tree is gone.
    job.kill();
  }

  #isHere(job: HostedJob): boolean {
    return this.#jobs.get(keyOf(job.peer, job.offer.job)) === job;
  }

  /** @returns false if it was removed before. */
  #remove(job: HostedJob): boolean {
    if (!this.#isHere(job)) return false;
    this.#jobs.delete(keyOf(job.peer, job.offer.job));
    this.#init.watch(job.peer, false);
    return true;
  }
}

function keyOf(peer: PeerName, job: JobId): string {
  return `${peer} ${job}`;
}
