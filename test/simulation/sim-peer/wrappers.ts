import {
  WrapperConnection,
  type WrapperRequest,
  type WrapperSocket,
} from '../../../src/local/wrapper-connection.ts';
import { FrameDecoder } from '../../../src/wire/frame.ts';
import { parseExit, parseInline } from '../../../src/wire/wrapper-messages.ts';
import { plainRequest } from '../../rig/caller.ts';
import { type JobSpec, SimJob } from '../sim-job.ts';
import type { Life } from './life.ts';
import type { SimRunner } from './runner.ts';

/** The peer, as wrappers see it. */
export interface Acceptor {
  /** Its name for the job that is handed in next. */
  readonly nextJob: number;
  accept(request: WrapperRequest, connection: WrapperConnection): void;
}

/** The wrappers of a machine: they hand in commands, and run them inline if they are told to. */
export class Wrappers {
  readonly #life: Life;
  readonly #runner: SimRunner;
  readonly #peer: () => Acceptor;
  /** Jobs whose wrappers live. */
  readonly #open = new Map<SimJob, WrapperConnection>();
  /** Called when a job begins to run here. */
  onInline: ((job: SimJob, reason: string) => void) | undefined;

  constructor(life: Life, runner: SimRunner, peer: () => Acceptor) {
    this.#life = life;
    this.#runner = runner;
    this.#peer = peer;
  }

  submit(spec: JobSpec, lengthMs: number, onOver?: () => void): SimJob {
    const { world, id } = this.#life;
    const peer = this.#peer();
    const names = { number: world.jobs.size + 1, submitter: id, id: peer.nextJob };
    const job = new SimJob(names, spec, lengthMs, onOver);
    world.jobs.set(job.number, job);
    world.trace(() => `${id} job ${job.name} is its ${job.id}`);
    const connection = new WrapperConnection(this.#socketOf(job));
    this.#open.set(job, connection);
    const force = spec.remoteOnly ? 'remote' : '';
    peer.accept(plainRequest(['run'], '/share', { pid: job.number, force }), connection);
    return job;
  }

  /** Its wrapper goes away, with the command if it has become that. */
  cancel(job: SimJob): void {
    this.#life.awake(() => {
      if (job.over) return;
      if (job.ending === 'inline') this.#endInline(job);
      else job.end(this.#life.world, 'left');
      this.#close(job);
    });
  }

  /** The peer is dead: wrappers run their commands themselves. */
  orphan(): void {
    for (const job of this.#open.keys()) if (job.ending === undefined) job.end(this.#life.world, 'orphaned');
    this.#open.clear();
  }

  #socketOf(job: SimJob): WrapperSocket {
    const decoder = new FrameDecoder(['INLINE', 'STDOUT', 'EXIT']);
    const take = (bytes: Uint8Array): void => {
      for (const { type, payload } of decoder.push(bytes)) {
        if (type === 'STDOUT') job.text += Buffer.from(payload).toString();
        else if (type === 'INLINE') this.#runInline(job, parseInline(payload));
        else this.#finish(job, payload);
      }
    };
    return {
      write: (bytes, flushed) => {
        take(bytes);
        flushed?.();
      },
      end: take,
      destroy: () =>
        this.#life.world.fail(new Error(`job ${job.name} is left to its wrapper without a word`)),
    };
  }

  #finish(job: SimJob, payload: Uint8Array): void {
    const { world } = this.#life;
    const ending = parseExit(payload);
    job.checkResult(world, ending.kind === 'exited' ? ending.status : -1);
    job.end(world, 'finish');
    this.#life.at(world.nowMs, () => this.#close(job));
  }

  /** @param reason - a code, and what it says. */
  #runInline(job: SimJob, reason: string): void {
    const { world, id, incarnation } = this.#life;
    this.onInline?.(job, reason);
    job.end(world, 'inline');
    world.trace(() => `${id} inline ${job.name} ${reason}`);
    job.start(world, 0);
    if (job.isSlotted) this.#runner.startInline();
    world.after(job.lengthMs, () => {
      if (!job.live.has(0)) return;
      // The wrapper became the command, so it ends whatever became of the peer.
      if (this.#life.incarnation === incarnation && this.#life.alive) this.#endInline(job);
      else {
        job.live.delete(0);
        job.finish(world.nowMs);
      }
      this.#life.awake(() => this.#close(job));
    });
  }

  #endInline(job: SimJob): void {
    job.live.delete(0);
    job.finish(this.#life.world.nowMs);
    if (job.isSlotted) this.#runner.endInline();
  }

  /** Its end of the connection is closed. */
  #close(job: SimJob): void {
    const connection = this.#open.get(job);
    this.#open.delete(job);
    connection?.closed();
  }
}
