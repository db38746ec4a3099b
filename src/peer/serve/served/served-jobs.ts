/** Jobs in other machines' files: whether one may start, what is started in its place, and what is told at its end. */
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { resolvePath } from '../../../core/paths.ts';
import type { PeerName } from '../../../core/schedule/contract.ts';
import type { Sameness } from '../../../machine/sameness.ts';
import { readLeft, treeJobArgv } from '../../../tree/tree-job.ts';
import { fromBytes, joinNul } from '../../../wire/bytes.ts';
import type { JobFacts } from '../../../wire/job-messages.ts';
import { maxFaults, maxPathBytes } from '../../../wire/limits.ts';
import { parseStrings } from '../../../wire/wrapper-messages.ts';
import type { RunSpec } from '../../../work/runner.ts';
import type { Refusal, WholeOffer } from '../contract.ts';
import type { HostedJob } from '../hosted-job.ts';
import { checkCpu } from '../program-check.ts';
import type { HostedTree, TreeStay } from './hosted-tree.ts';
import type { HostedTrees } from './hosted-trees.ts';
import { ScratchRoom } from './scratch-room.ts';

/** Longest wait for what changed before the hand-in; it is on its way on another stream. */
const reachTimeoutMs = 10_000;

export interface ServedJobsInit {
  readonly trees: Pick<HostedTrees, 'find'>;
  readonly isTrusted: (peer: PeerName) => Promise<boolean>;
  readonly sameness: Sameness;
  /** swarmjob, compiled. */
  readonly program: string;
}

interface Served {
  readonly tree: HostedTree;
  readonly stay: TreeStay;
}

/** How a job ended that may never have begun. */
export type ServedEnd =
  | { readonly kind: 'facts'; readonly facts: JobFacts; readonly left?: number }
  | { readonly kind: 'failed'; readonly why: string };

export class ServedJobs {
  readonly #init: ServedJobsInit;
  readonly #room = new ScratchRoom();
  readonly #served = new WeakMap<HostedJob, Served>();

  constructor(init: ServedJobsInit) {
    this.#init = init;
  }

  /** @returns why the job is refused, or undefined. */
  async check(peer: PeerName, { offer }: WholeOffer): Promise<Refusal | undefined> {
    const { trees, isTrusted, sameness } = this.#init;
    if (offer.served === undefined) throw new Error('internal: a job that is not served');
    if (!(await isTrusted(peer))) return { code: 'not-member', detail: 'this machine does not know yours' };
    const { tree: id, generation, areas } = offer.served;
    if (![offer.cwd, ...areas].every((path) => path.startsWith('/') && resolvePath('/', path) === path))
      return { code: 'outside-share', detail: 'a path of the job is not absolute' };
    const tree = trees.find(peer, id);
    if (tree === undefined) return { code: 'tree-gone', detail: 'the tree is not mounted' };
    if (!(await tree.reach(generation, reachTimeoutMs)))
      return { code: 'tree-gone', detail: 'what changed was not heard of in time' };
    return await checkCpu(sameness, offer);
  }

  /** What is run in place of the command. @throws SwarmError `E_TREE` if the tree is gone. */
  begin(job: HostedJob): Partial<RunSpec> {
    const { offer, argv, peer } = job;
    const tree = offer.served && this.#init.trees.find(peer, offer.served.tree);
    if (tree === undefined || offer.served === undefined)
      throw new Error('the tree of the submitter is gone');
    const { place, hostName, poolPath: pool } = tree;
    const stay = tree.enter(() => job.kill());
    this.#room.enter(stay.scratch);
    this.#served.set(job, { tree, stay });
    const { areas } = offer.served;
    const words = treeJobArgv(
      this.#init.program,
      { place, scratch: stay.scratch, cwd: offer.cwd, hostName, blocked: offer.blocked, pool, areas },
      parseStrings('ARGV', argv),
    );
    // What it leaves behind is ended inside; what it writes is nothing until it is believed.
    const instead = { argv: joinNul(words), cwd: '/', root: '', backgroundMs: 0, leaseMs: 0, relays: true };
    // On the disk where all is that the job writes.
    const spool = fromBytes(Buffer.from(dirname(stay.scratch)));
    return offer.served.spooled === true ? { ...instead, spool } : instead;
  }

  /** Its process tree is gone: what it left goes to its submitter. @throws if the tree, or the submitter, is lost. */
  async conclude(job: HostedJob): Promise<ServedEnd> {
    const served = this.#served.get(job);
    if (served === undefined || job.offer.served === undefined)
      throw new Error('internal: a job that is not served');
    const { tree, stay } = served;
    try {
      await tree.settle();
      // Asked first: then there may be no report, or half of one.
      if (this.#room.wasFull(stay.scratch)) return { kind: 'failed', why: 'write ENOSPC' };
      const left = readLeft({ scratch: stay.scratch, areas: job.offer.served.areas });
      const { report } = left;
      if (report.stage !== '') return { kind: 'failed', why: `${report.stage} ${errorName(report.errno)}` };
      if (report.listErrno !== 0) return { kind: 'failed', why: `report ${errorName(report.listErrno)}` };
      const unsent = report.records
        .filter(({ extended }) => extended)
        .map(({ path }) => ({ kind: 'write' as const, path, name: '' }));
      const faults = [...tree.faultsOf(stay), ...unsent]
        .slice(0, maxFaults)
        .map(({ kind, path, name }) => ({ kind, path: toldPathOf(path, name) }));
      if (faults.length === 0) await job.sendWritten(left);
      return { kind: 'facts', facts: { outputs: [], faults }, left: report.left };
    } finally {
      // Its submitter does not wait until that is removed.
      this.#leave(served);
    }
  }

  /** Nobody wants what it left. */
  forget(job: HostedJob): void {
    const served = this.#served.get(job);
    if (served !== undefined) this.#leave(served);
  }

  #leave({ tree, stay }: Served): void {
    this.#room.leave(stay.scratch);
    void tree.leave(stay);
  }
}

/** Of a fault, for people to read: where no message has room for the path, that of its directory. */
export function toldPathOf(directory: string, name: string): string {
  const isWhole = name !== '' && directory.length + 1 + name.length <= maxPathBytes;
  return isWhole ? `${directory}/${name}` : directory;
}

function errorName(errno: number): string {
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? String(errno);
}
