/**
 * What the submitter's side needs of the shared tree: reads a command, offers a view with it, and after the run
 * believes what it can prove, sees the outputs here and commits them.
 */
import type { Command, Reading } from '../../core/command/contract.ts';
import { variablesOf } from '../../core/command/environment.ts';
import { isBelow, resolvePath } from '../../core/command/paths.ts';
import { mayTravel } from '../../core/command/travel.ts';
import type { Reason, RetryCode } from '../../core/reason.ts';
import type { AttemptNumber, PeerName } from '../../core/schedule/contract.ts';
import type { ViewCheck, WorkerMount } from '../../core/view/contract.ts';
import type { FactPair } from '../../core/view/facts.ts';
import type { AttemptView, JobView } from '../../core/view/job-view.ts';
import type { WrapperRequest } from '../../local/wrapper-connection.ts';
import { type Sameness, SystemCheck } from '../../machine/sameness.ts';
import { outputObstacles } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import type { Shares } from '../../share/shares.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { type ByteString, toText } from '../../wire/bytes.ts';
import { type JobEnd, type Offer, packView, type Refused } from '../../wire/job-messages.ts';
import { cpuDifference, toolDifference } from '../explain/difference.ts';
import type { Members } from '../trust/membership.ts';
import { WorkerMounts } from '../trust/worker-mounts.ts';
import { type AttemptPlan, planAttempt, scanOf, systemNames, viewJobOf } from './job-tree.ts';
import { hiddenOf, isSuccess, Outputs } from './outputs.ts';
import { readWholeCommand } from './read-request.ts';
import { ShareView } from './share-view.ts';
import { type Submission, wantsStdin } from './submission.ts';
import { Written } from './written-paths.ts';

/** A command, read: may it travel, and if not, why. */
export interface ReadRequest {
  readonly reading: Reading;
  readonly share: ByteString | undefined;
  readonly inline: Reason | undefined;
  readonly unslotted: boolean;
  /** What makes the reason concrete. */
  readonly detail: string | undefined;
}

export type Verdict =
  /** It is as a run here would have been; `proven` says whether a failure may be believed too. */
  | { readonly kind: 'good'; readonly proven: boolean }
  | { readonly kind: 'again'; readonly reason: RetryCode; readonly detail: string }
  /** Nothing that another machine yields can be proven. */
  | { readonly kind: 'inline'; readonly detail: string }
  /** The worker is no place for jobs of this kind. */
  | { readonly kind: 'unfit'; readonly detail: string };

/** What goes to a worker, or why nothing may go there. */
export type Prepared =
  | { readonly kind: 'offer'; readonly argv: readonly ByteString[]; readonly offer: unknown }
  | { readonly kind: 'refused'; readonly refused: Refused }
  | { readonly kind: 'inline'; readonly detail: string };

interface Pending {
  readonly plan: AttemptPlan;
  readonly view: AttemptView;
  readonly rewritten: ReturnType<Written['newFor']>;
}

export interface SubmitterTreeInit {
  readonly disk: Disk;
  /** Opens a stream to a worker. */
  readonly openJob: (peer: PeerName) => JobChannel;
  readonly shares: Shares;
  readonly members: Members;
  readonly sameness: Sameness;
  readonly now: () => number;
  /** This peer's id; its end makes hidden names unique. */
  readonly peerId: string;
  /** Checks of views that a test switches off. */
  readonly without: readonly ViewCheck[];
  /** Waits until the other peers had the time to find this peer's file on a share; at once but for the first time. */
  readonly settled: (root: ByteString) => Promise<void>;
}

export class SubmitterTree {
  readonly #init: SubmitterTreeInit;
  readonly #disk: Disk;
  readonly #views = new Map<ByteString, ShareView>();
  readonly #jobViews = new Map<Submission, JobView>();
  readonly #pending = new Map<string, Pending>();
  readonly #systems = new Map<PeerName, SystemCheck>();
  readonly #written = new Map<ByteString, Written>();
  readonly #outputs: Outputs;
  readonly mounts: WorkerMounts;

  constructor(init: SubmitterTreeInit) {
    this.#init = init;
    this.#disk = init.disk;
    this.#outputs = new Outputs(init.disk, init.openJob);
    this.mounts = new WorkerMounts(init.now);
  }

  /** Reads a command and decides, by its words and its place alone, whether it may travel. */
  async read(request: WrapperRequest): Promise<ReadRequest> {
    const command: Command = {
      argv: request.argv,
      cwd: request.job.cwd,
      env: variablesOf(request.environment),
    };
    const reading = await readWholeCommand(command, this.#disk);
    const found = command.cwd === '' ? undefined : await this.#init.shares.find(command.cwd);
    const share = found?.ok ? found.share : undefined;
    const root = share?.root;
    // Begun now, so that others have seen this peer's file by the time they are asked.
    if (share !== undefined) void this.#init.members.join(share);
    const { travels, reason, unslotted } = mayTravel(reading, command, {
      shareOf: (path) => (root !== undefined && isBelow(root, path) ? root : undefined),
      stdin: request.job.stdin,
      stdoutIsTerminal: request.job.stdout === 'tty',
      descriptors: request.job.descriptors,
      force: request.job.force,
    });
    const inline = travels ? undefined : (reason ?? 'outside-share');
    const detail = inline === 'outside-share' && found !== undefined && !found.ok ? found.why : undefined;
    if (inline === undefined && root !== undefined) await this.#init.settled(root);
    const settled = inline === undefined ? await this.#withoutObstacles(reading, command.cwd) : reading;
    return { reading: settled, share: root, inline, unslotted, detail };
  }

  /** What goes to the worker for one attempt. */
  async prepare(submission: Submission, attempt: AttemptNumber, peer: PeerName): Promise<Prepared> {
    const { request, reading, demand, share: root } = submission;
    if (root === undefined) throw new Error(`internal: job ${submission.id} travels without a share`);
    const mount = await this.#fit(root, peer);
    if (typeof mount === 'string') return { kind: 'refused', refused: { code: 'not-member', detail: mount } };
    const shareView = this.#viewOf(root);
    const jobView = this.#jobViewOf(submission, shareView);
    const view = await shareView.prepare(jobView, peer, mount);
    if (view.kind === 'inline') return { kind: 'inline', detail: view.because };
    const tag = this.#tagOf(submission, attempt);
    const plan = planAttempt(reading, request, tag);
    const rewritten = this.#writtenOn(root).newFor(peer);
    this.#pending.set(tag, { plan, view: view.attempt, rewritten });
    const { job } = request;
    const env = variablesOf(request.environment);
    const terminal = job.stdout === 'tty' || job.stderr === 'tty';
    const offer: Omit<Offer, 'view'> & { readonly view: unknown } = {
      job: submission.id,
      attempt,
      share: root,
      cwd: job.cwd,
      umask: job.umask,
      stdin: wantsStdin(submission) ? 'pipe' : job.stdin === 'closed' ? 'closed' : 'null',
      stdout: streamOf(job.stdout),
      stderr: streamOf(job.stderr),
      merged: job.merged,
      blocked: job.blocked,
      ignored: job.ignored,
      rows: terminal ? job.rows : 0,
      columns: terminal ? job.columns : 0,
      memoryBytes: demand.memoryBytes,
      kind: demand.kind,
      programs: await this.#init.sameness.programs(systemNames(reading, job.cwd, root), job.cwd, env),
      ...(reading.native ? { cpu: (await this.#init.sameness.cpu()).digest } : {}),
      view: packView(view.offer),
      ...(plan.dependencies === undefined ? {} : { dependencies: plan.dependencies }),
      scan: scanOf(reading, request, root),
      reopen: reading.kind === 'other' ? rewritten.files : [],
      knownSystem: this.#systemOf(peer).known,
      outputs: [...plan.outputs, ...(plan.extra === undefined ? [] : [plan.extra])].filter((path) =>
        isBelow(root, path),
      ),
    };
    return { kind: 'offer', argv: plan.argv, offer };
  }

  /** The worker runs it, or will: its view is as was asked for. */
  accepted(submission: Submission, attempt: AttemptNumber, peer: PeerName): void {
    const pending = this.#pending.get(this.#tagOf(submission, attempt));
    if (pending === undefined || submission.share === undefined) return;
    this.#viewOf(submission.share).answered(pending.view, { kind: 'ready' });
    if (submission.reading.kind === 'other')
      this.#writtenOn(submission.share).told(peer, pending.rewritten.upTo);
  }

  /** Adds to a refusal, for people, in what the worker differs from this machine. Never rejects. */
  async explain({ request }: Submission, refused: Refused): Promise<Refused> {
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

  refused(submission: Submission, attempt: AttemptNumber, refused: Refused): void {
    const tag = this.#tagOf(submission, attempt);
    const pending = this.#pending.get(tag);
    this.#pending.delete(tag);
    if (pending === undefined || submission.share === undefined || refused.code !== 'stale-view') return;
    this.#viewOf(submission.share).answered(pending.view, { kind: 'stale', files: refused.stale ?? [] });
  }

  /**
   * The command ended on the worker: is what it read what is here? Then sees its outputs and commits them. A file
   * system that fails or hangs meanwhile makes the attempt worthless, no more.
   */
  async settle(
    submission: Submission,
    attempt: AttemptNumber,
    peer: PeerName,
    end: JobEnd,
  ): Promise<Verdict> {
    try {
      return await this.#settle(submission, attempt, peer, end);
    } catch (error) {
      await this.forget(submission, attempt);
      return { kind: 'again', reason: 'output-unseen', detail: String(error) };
    }
  }

  async #settle(
    submission: Submission,
    attempt: AttemptNumber,
    peer: PeerName,
    end: JobEnd,
  ): Promise<Verdict> {
    const tag = this.#tagOf(submission, attempt);
    const pending = this.#pending.get(tag);
    const jobView = this.#jobViews.get(submission);
    if (pending === undefined || jobView === undefined || submission.share === undefined) {
      throw new Error(`internal: job ${submission.id} settled without a view`);
    }
    const succeeded = isSuccess(end);
    const differing = await this.#systemOf(peer).take(
      end.system ?? [],
      this.#init.sameness,
      this.#init.now(),
    );
    if (differing !== undefined) {
      await this.forget(submission, attempt);
      return { kind: 'unfit', detail: `${toText(differing)} differs on that machine` };
    }
    const verdict = await this.#viewOf(submission.share).judge(jobView, pending.view, {
      succeeded,
      // A compiler that fails leaves the dependency file of an earlier build as it was: that says nothing of this run.
      report:
        succeeded || hiddenOf(pending.plan).includes(pending.plan.dependencies ?? '') ? end.read : undefined,
    });
    if (!succeeded && verdict.kind !== 'believed') {
      await this.forget(submission, attempt);
      return { kind: 'good', proven: false };
    }
    if (verdict.kind !== 'believed') {
      await this.forget(submission, attempt);
      return verdict.kind === 'inline'
        ? { kind: 'inline', detail: verdict.because }
        : { kind: 'again', reason: verdict.reason, detail: verdict.because };
    }
    return await this.#see(submission, attempt, peer, pending.plan, end);
  }

  /** The attempt came to nothing: what it wrote under hidden names goes. Never rejects. */
  async forget(submission: Submission, attempt: AttemptNumber): Promise<void> {
    const tag = this.#tagOf(submission, attempt);
    const plan = this.#pending.get(tag)?.plan;
    this.#pending.delete(tag);
    if (plan !== undefined) await this.#outputs.remove(hiddenOf(plan));
  }

  /** This machine's and a worker's facts of one file of a share. */
  compared(root: ByteString, pair: FactPair): void {
    this.#viewOf(root).compared(pair);
  }

  /** The job is over, one way or the other. */
  close(submission: Submission): void {
    this.#jobViews.delete(submission);
  }

  peerGone(peer: PeerName): void {
    for (const view of this.#views.values()) view.forgetWorker(peer);
    for (const written of this.#written.values()) written.forget(peer);
    this.#systems.delete(peer);
    this.mounts.forget(peer);
  }

  async #see(
    submission: Submission,
    attempt: AttemptNumber,
    peer: PeerName,
    plan: AttemptPlan,
    end: JobEnd,
  ): Promise<Verdict> {
    const root = submission.share ?? '';
    for (const begun of this.#writtenOn(root).note(end.outputs, plan.renames.length === 0))
      this.#outputs.sweep(root, begun);
    const isUnknown = submission.reading.kind === 'other';
    const { fields } = this.#viewOf(root);
    const result = await this.#outputs.see({ plan, end, root, peer, fields, isUnknown });
    if (result.kind === 'seen' && plan.renames.length > 0)
      this.#pending.delete(this.#tagOf(submission, attempt));
    else await this.forget(submission, attempt);
    if (result.kind === 'seen') return { kind: 'good', proven: true };
    return result.kind === 'unseen'
      ? { kind: 'again', reason: 'output-unseen', detail: result.detail }
      : { kind: 'inline', detail: result.detail };
  }

  /** How the worker mounts the share, if it and this peer are members of it; otherwise why not. */
  async #fit(root: ByteString, peer: PeerName): Promise<WorkerMount | string> {
    const own = await this.#init.members.joinedTo(root);
    const other = own.ok ? await this.#init.members.check(root, peer) : own;
    if (!other.ok) return other.why;
    return (await this.mounts.of(peer, root)) ?? 'it has not said that it sees this share';
  }

  #viewOf(root: ByteString): ShareView {
    let view = this.#views.get(root);
    if (view === undefined) {
      view = new ShareView(root, this.#disk, this.#init.now, this.#init.without);
      this.#views.set(root, view);
    }
    return view;
  }

  /** One view a job, however many attempts: what was seen at its hand-in holds for all of them. */
  #jobViewOf(submission: Submission, shareView: ShareView): JobView {
    let view = this.#jobViews.get(submission);
    if (view === undefined) {
      const { root } = shareView;
      const { directories } = this.#writtenOn(root);
      view = shareView.begin(
        viewJobOf(submission.reading, submission.request, root, directories),
        submission.handedInMs,
      );
      this.#jobViews.set(submission, view);
    }
    return view;
  }

  #systemOf(peer: PeerName): SystemCheck {
    let check = this.#systems.get(peer);
    if (check === undefined) {
      check = new SystemCheck();
      this.#systems.set(peer, check);
    }
    return check;
  }

  #writtenOn(root: ByteString): Written {
    let written = this.#written.get(root);
    if (written === undefined) {
      written = new Written();
      this.#written.set(root, written);
    }
    return written;
  }

  #tagOf(submission: Submission, attempt: AttemptNumber): string {
    return `${this.#init.peerId.slice(-8)}-${submission.id}.${attempt}`;
  }

  /** An output that is a link, a device or the like is written in place, as it would be here. */
  async #withoutObstacles(reading: Reading, cwd: ByteString): Promise<Reading> {
    if (reading.rename === undefined) return reading;
    const dependencies = new Set(
      reading.outputs.flatMap(({ path, role }) => (role === 'dependencies' ? path : [])),
    );
    const outputs = reading.rename.outputsFor('x').map(({ path }) => ({
      path: resolvePath(cwd, path),
      role: dependencies.has(path) ? ('dependencies' as const) : ('object' as const),
    }));
    const obstacle = (await outputObstacles(this.#disk, outputs)).find((why) => why !== undefined);
    if (obstacle === undefined) return reading;
    const { rename: _, ...inPlace } = reading;
    return { ...inPlace, inPlaceBecause: obstacle };
  }
}

function streamOf(kind: WrapperRequest['job']['stdout']): 'closed' | 'pipe' | 'pty' {
  return kind === 'closed' ? 'closed' : kind === 'tty' ? 'pty' : 'pipe';
}
