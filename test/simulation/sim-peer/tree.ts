/** Stands for the shared tree, as the shells of both sides see it: what is put to them, and what comes of attempts. */
import type { Reading } from '../../../src/core/command/contract.ts';
import { leaseMs } from '../../../src/peer/mesh/neighbours.ts';
import type { JobHostInit } from '../../../src/peer/serve/job-host.ts';
import type { Settlement } from '../../../src/peer/submit/settlement.ts';
import type { SubmitterInit } from '../../../src/peer/submit/submitter.ts';
import type { JobEnd } from '../../../src/wire/job-messages.ts';
import { plainOffer } from '../../rig/plain-offer.ts';
import type { JobSpec, SimJob } from '../sim-job.ts';
import type { Life } from './life.ts';
import type { SimPeerOptions } from './options.ts';

const share = '/share';
const someOffer = plainOffer(share);
/** A fault that is put to the shells on purpose. */
export const unseen = new Error('the tree cannot be seen');

export class SimTree {
  readonly #life: Life;
  readonly #options: SimPeerOptions;

  constructor(life: Life, options: SimPeerOptions) {
    this.#life = life;
    this.#options = options;
  }

  readonly reader: SubmitterInit['reader'] = {
    read: async ({ argv, job: { pid } }) => {
      const { spec } = this.#jobOf(pid);
      await this.#look();
      const { inline, unslotted } = spec;
      return { reading: readingOf(spec), argv, share, inline, unslotted, detail: undefined };
    },
  };

  readonly offers: SubmitterInit['offers'] = {
    prepare: async ({ submission, number, peer }) => {
      const { world, id } = this.#life;
      const job = this.#jobOf(submission.request.job.pid);
      world.trace(() => `${id} offers ${job.name}#${number} to ${peer}`);
      job.offer(world, number);
      await this.#look();
      const whim = this.#options.whims?.offer();
      if (whim === 'fails') throw unseen;
      if (whim === 'unprovable') return { kind: 'inline', detail: 'a view that cannot be proven' };
      const { memoryBytes, kind } = submission.demand;
      const offer = {
        ...someOffer,
        job: submission.id,
        attempt: number,
        memoryBytes,
        kind,
        leaseMs: job.spec.rewritable ? 0 : leaseMs,
      };
      return { kind: 'offer', argv: ['run', String(job.number), String(number)], offer };
    },
    accepted: () => undefined,
    refused: () => undefined,
    explain: (_record, refused) => this.#life.world.soon(refused),
    carried: () => {
      throw new Error('nothing here leaves files outside a share');
    },
  };

  readonly settling: SubmitterInit['settling'] = {
    settle: async (record, end) => {
      const whim = this.#options.whims?.settle();
      await this.#life.later(whim?.afterMs ?? 0, undefined);
      this.#options.tampering?.settle?.(record);
      return settlementOf(end, whim?.as);
    },
    discard: () => this.#life.world.soon(undefined),
  };

  readonly admission: JobHostInit['admission'] = {
    check: async () => {
      await this.#look();
      const code = this.#options.whims?.admit();
      return code === undefined ? undefined : { code, detail: 'a whim' };
    },
  };

  readonly findings: JobHostInit['findings'] = {
    begin: () => this.#life.world.soon(undefined),
    look: async () => {
      await this.#look();
      return { outputs: [] };
    },
    discard: () => Promise.resolve(),
  };

  #look(): Promise<void> {
    return this.#life.later(this.#options.whims?.lookMs() ?? 0, undefined);
  }

  /** Wrappers have the numbers of their jobs for process ids. */
  #jobOf(pid: number): SimJob {
    const job = this.#life.world.jobs.get(pid);
    if (job === undefined) throw new Error(`internal: there is no job ${pid}`);
    return job;
  }
}

function settlementOf({ ending }: JobEnd, as: SimSettled): Settlement {
  const detail = 'a whim';
  switch (as) {
    case undefined:
    case 'unproven':
      return { kind: 'final', proven: as === undefined || ending.kind !== 'exited', detail };
    case 'unprovable':
      return { kind: 'inline', detail };
    case 'unfit':
      return { kind: 'unfit', detail };
    default:
      return { kind: 'again', reason: as, detail };
  }
}

type SimSettled = NonNullable<ReturnType<NonNullable<SimPeerOptions['whims']>['settle']>>['as'];

function readingOf({ program, rewritable }: JobSpec): Reading {
  return {
    kind: 'compile',
    toolIndex: 0,
    programs: [program],
    inputs: [],
    includeDirs: [],
    otherDirs: [],
    libraries: [],
    outputs: [],
    stdin: 'never',
    native: false,
    ...(rewritable ? { rename: { argvFor: () => [], outputsFor: () => [] } } : {}),
  };
}
