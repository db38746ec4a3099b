/** Puts together what goes to a worker for one attempt: how the command is run there, and what must be the same there. */

import { variablesOf } from '../../core/command/environment.ts';
import { isTraced } from '../../core/command/proofs.ts';
import { isBelow, resolvePath } from '../../core/paths.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { WorkerMount } from '../../core/view/contract.ts';
import type { JobView } from '../../core/view/job-view.ts';
import type { WrapperRequest } from '../../local/wrapper-connection.ts';
import type { Sameness } from '../../machine/sameness.ts';
import { hasSurroundings } from '../../machine/surroundings.ts';
import type { Disk } from '../../share/disk.ts';
import type { HiddenNames } from '../../tree/hidden-names.ts';
import { WrittenFiles } from '../../tree/receive-written.ts';
import type { ByteString } from '../../wire/bytes.ts';
import type { Offer, Refused } from '../../wire/job-messages.ts';
import { cpuDifference, toolDifference } from '../explain/difference.ts';
import type { Membership } from '../trust/membership.ts';
import type { AttemptRecord } from './attempt-record.ts';
import { Carried } from './carried.ts';
import type { InlineOutputs } from './inline-outputs.ts';
import { planAttempt, scanOf, systemNames, viewJobOf } from './job-tree.ts';
import { lookCloser } from './named-files.ts';
import { hiddenOf } from './outputs.ts';
import type { OwnTrees, ServedPlace, TreeLease } from './served/own-trees.ts';
import type { Ways } from './served/ways.ts';
import { type Submission, wantsStdin } from './submission.ts';
import type { TrackedShare, Tracking } from './tracking.ts';
import type { NewlyWritten } from './written-paths.ts';

/** What goes to a worker, or why nothing may go there. */
export type PreparedOffer =
  | { readonly kind: 'offer'; readonly argv: readonly ByteString[]; readonly offer: Offer }
  | { readonly kind: 'refused'; readonly refused: Refused }
  /** No view of this job can be proven on any worker. */
  | { readonly kind: 'inline'; readonly detail: string };

export interface OffersInit {
  readonly inlineOutputs: Pick<InlineOutputs, 'settled'>;
  readonly tracking: Tracking;
  readonly disk: Pick<Disk, 'run' | 'putWritten' | 'obstacles'>;
  readonly trees: Pick<OwnTrees, 'enter'>;
  /** Under which lies what served jobs wrote until it is believed. */
  readonly hiddenNames: HiddenNames;
  readonly ways: Pick<Ways, 'isServed'>;
  /** Whether that peer is of the same person: it may be shown this machine's files, and its results are believed. */
  readonly isTrusted: (peer: PeerName) => Promise<boolean>;
  readonly now: () => number;
  readonly members: Membership;
  readonly sameness: Sameness;
  /** How long what an opaque command leaves in the background may go on before it is left alone. */
  readonly backgroundMs: number;
  /** How long what writes in place may go on without a word of this peer. */
  readonly leaseMs: number;
  /** This peer's id; its end makes hidden names unique. */
  readonly peerId: string;
}

export class Offers {
  readonly #init: OffersInit;

  constructor(init: OffersInit) {
    this.#init = init;
  }

  async prepare(record: AttemptRecord): Promise<PreparedOffer> {
    const { submission, peer } = record;
    const { request, reading, share: root, place } = submission;
    submission.isServed = false;
    if (root === undefined || this.#init.ways.isServed(submission, peer)) return await this.#served(record);
    const mount = await this.#mountOf(root, peer);
    if (typeof mount === 'string') {
      if (place !== undefined) return await this.#served(record);
      return { kind: 'refused', refused: { code: 'not-member', detail: mount } };
    }
    if (reading.kind === 'other') await this.#init.inlineOutputs.settled();
    const share = this.#init.tracking.share(root);
    const view = await share.view.prepare(await jobViewOf(submission, root, share), peer, mount);
    if (view.kind === 'inline') return { kind: 'inline', detail: view.because };
    const tag = `${this.#init.peerId.slice(-8)}-${submission.id}.${record.number}`;
    const plan = planAttempt(reading, request, tag);
    const rewritten = share.written.newFor(peer);
    record.offered = { plan, view: view.attempt, writtenUpTo: rewritten.upTo };
    record.leftovers = hiddenOf(plan);
    const offer: Offer = {
      ...commonOf(record),
      ...(await this.#samenessOf(submission, root)),
      traced: isTraced(reading),
      outputs: plan.outputs.filter((path) => isBelow(root, path)),
      share: root,
      // What is understood leaves nothing in the background that is wanted.
      backgroundMs: reading.kind === 'other' ? this.#init.backgroundMs : 0,
      // What writes under hidden names can do no harm, however late.
      leaseMs: plan.renames.length === 0 ? this.#init.leaseMs : 0,
      view: view.offer,
      scan: scanOf(reading, request, root),
      ...(reading.kind === 'other' ? reopenedBy(rewritten) : { reopen: [] }),
      knownOutside: this.#init.tracking.outside(peer).known,
    };
    return { kind: 'offer', argv: plan.argv, offer };
  }

  /** In this machine's own files, which the worker is shown: nothing there needs to be as here. */
  async #served(record: AttemptRecord): Promise<PreparedOffer> {
    const { submission, peer } = record;
    const { place } = submission;
    if (place === undefined) throw new Error(`internal: job ${submission.id} travels without a share`);
    if (!(await this.#init.isTrusted(peer)))
      return { kind: 'refused', refused: { code: 'not-member', detail: 'this machine does not know it' } };
    const lease = await this.#init.trees.enter(place);
    try {
      const prepared = await this.#offerIn(record, place, lease);
      // One that was given up meanwhile, or is not offered, is not heard of again.
      if (prepared.kind !== 'offer' || isAbandoned(record)) lease.leave();
      return prepared;
    } catch (error) {
      lease.leave();
      throw error;
    }
  }

  async #offerIn(
    record: AttemptRecord,
    { areas }: ServedPlace,
    { tree, leave }: TreeLease,
  ): Promise<PreparedOffer> {
    const { submission, peer } = record;
    const { reading, request } = submission;
    const { disk, hiddenNames } = this.#init;
    const worker = tree.worker(peer);
    const opened = await worker.opened;
    if (opened.kind === 'lost')
      return { kind: 'refused', refused: { code: 'tree-gone', detail: opened.detail } };
    if (opened.kind === 'refused')
      return { kind: 'refused', refused: { code: opened.code, detail: opened.detail } };
    const startedAtMs = Date.now();
    const inputs = reading.inputs.map((path) => resolvePath(request.job.cwd, path));
    const job = {
      kind: `${reading.kind}\x01${submission.demand.kind}`,
      inputs,
      outputs: reading.outputs.map(({ path }) => resolvePath(request.job.cwd, path)),
    };
    const { generation, isOrdinary } = await tree.prepare(peer, job, {
      sources: reading.kind === 'compile' ? inputs : [],
      unseen: submission.unseen,
    });
    const obstacle = isOrdinary ? undefined : await lookCloser(reading, request.job, disk);
    if (obstacle !== undefined) return { kind: 'inline', detail: obstacle };
    submission.isServed = true;
    record.served = {
      tree,
      session: worker.session,
      generation,
      preparedMs: this.#init.now(),
      written: new WrittenFiles({ disk, areas, startedAtMs, names: hiddenNames }),
      leave,
    };
    const offer: Offer = {
      ...commonOf(record),
      ...(reading.native ? { cpu: (await this.#init.sameness.cpu()).digest } : {}),
      ...nothingShared,
      share: areas[0] ?? '/',
      served: {
        tree: tree.id,
        generation,
        areas: [...areas],
        ...(isSpooled(submission) && { spooled: true }),
      },
    };
    return { kind: 'offer', argv: request.argv, offer };
  }

  /** What takes in what an opaque command on a shared tree left outside of it. */
  carried(): Carried {
    return new Carried(this.#init.disk);
  }

  /** The worker runs it, or will: its view is as was asked for. */
  accepted({ submission, peer, offered }: AttemptRecord): void {
    if (offered === undefined || submission.share === undefined) return;
    const share = this.#init.tracking.share(submission.share);
    share.view.answered(offered.view, { kind: 'ready' });
    if (submission.reading.kind === 'other') share.written.told(peer, offered.writtenUpTo);
  }

  refused({ submission, offered }: AttemptRecord, refused: Refused): void {
    if (offered === undefined || submission.share === undefined || refused.code !== 'stale-view') return;
    const { view } = this.#init.tracking.share(submission.share);
    view.answered(offered.view, { kind: 'stale', files: refused.stale ?? [] });
  }

  /** Adds to a refusal, for people, in what the worker differs from this machine. Never rejects. */
  async explain({ submission: { request } }: AttemptRecord, refused: Refused): Promise<Refused> {
    const { tool, cpu } = refused;
    const { sameness } = this.#init;
    try {
      if (cpu !== undefined)
        return { ...refused, detail: cpuDifference((await sameness.cpu()).description, cpu) };
      if (tool === undefined) return refused;
      const variables = variablesOf(request.environment);
      const own = await sameness.tool(tool.name, request.job.cwd, variables);
      return { ...refused, detail: toolDifference(own, tool) };
    } catch {
      return refused; // the program vanishes just now: the worker's own words must do
    }
  }

  /** How the worker mounts the share, if it and this peer are members of it; otherwise why not. */
  async #mountOf(root: ByteString, peer: PeerName): Promise<WorkerMount | string> {
    const own = await this.#init.members.joinedTo(root);
    const other = own.ok ? await this.#init.members.check(root, peer) : own;
    if (!other.ok) return other.why;
    return (await this.#init.tracking.mounts.of(peer, root)) ?? 'it has not said that it sees this share';
  }

  /** What of the machine must be the same on the worker. */
  async #samenessOf(
    { reading, request }: Submission,
    root: ByteString,
  ): Promise<Pick<Offer, 'programs' | 'cpu' | 'surroundings'>> {
    const { sameness } = this.#init;
    const { cwd } = request.job;
    const names = systemNames(reading, cwd, root);
    const variables = variablesOf(request.environment);
    return {
      programs: await sameness.programs(names, cwd, variables),
      ...(hasSurroundings(cwd, variables)
        ? { surroundings: await sameness.surroundings(cwd, variables) }
        : {}),
      ...(reading.native ? { cpu: (await sameness.cpu()).digest } : {}),
    };
  }
}

/** One view a job, however many attempts: what was seen at its hand-in holds for all of them. */
async function jobViewOf(
  submission: Submission,
  root: ByteString,
  { view, written }: TrackedShare,
): Promise<JobView> {
  const { reading, request, handedInMs } = submission;
  submission.view ??= await view.begin(viewJobOf(reading, request, root, written.directories), handedInMs);
  return submission.view;
}

/** It may have been, while something was waited for. */
function isAbandoned({ state }: AttemptRecord): boolean {
  return state === 'abandoned';
}

/** What an offer says of the shared tree where there is none. */
const nothingShared = {
  programs: [],
  traced: false,
  outputs: [],
  backgroundMs: 0,
  leaseMs: 0,
  view: { refresh: [], files: [], fields: [], knownReports: 0 },
  scan: [],
  reopen: [],
  knownOutside: 0,
} as const satisfies Partial<Offer>;

function reopenedBy({ files, below, upTo }: NewlyWritten): Pick<Offer, 'reopen' | 'reopenBelow'> {
  return { reopen: files, ...(below.length > 0 && { reopenBelow: { upTo, directories: below } }) };
}

/** What is the same whatever files it runs in. */
function commonOf({ submission, number }: AttemptRecord) {
  const { job } = submission.request;
  return {
    ...stdioOf(submission),
    job: submission.id,
    attempt: number,
    cwd: job.cwd,
    umask: job.umask,
    blocked: job.blocked,
    ignored: job.ignored,
    nice: job.nice,
    limits: job.limits,
    memoryBytes: submission.demand.memoryBytes,
    kind: submission.demand.kind,
  };
}

function stdioOf(
  submission: Submission,
): Pick<Offer, 'stdin' | 'stdout' | 'stderr' | 'merged' | 'rows' | 'columns'> {
  const { job } = submission.request;
  const hasTerminal = job.stdout === 'tty' || job.stderr === 'tty';
  return {
    stdin: wantsStdin(submission) ? 'pipe' : job.stdin === 'closed' ? 'closed' : 'null',
    stdout: streamOf(job.stdout),
    stderr: streamOf(job.stderr),
    merged: job.merged,
    rows: hasTerminal ? job.rows : 0,
    columns: hasTerminal ? job.columns : 0,
  };
}

/** Whether a command may come to seek in its output, as in the file that it is redirected to; compilers do not. */
function isSpooled({ reading, request }: Submission): boolean {
  return reading.kind === 'other' && request.job.stdout === 'fresh';
}

function streamOf(kind: WrapperRequest['job']['stdout']): 'closed' | 'pipe' | 'pty' {
  return kind === 'closed' ? 'closed' : kind === 'tty' ? 'pty' : 'pipe';
}
