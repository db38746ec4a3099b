/**
 * What the submitter's side needs of the shared tree: reads a command, says what it needs where, and after
 * the run sees and commits its outputs.
 */
import type { Command, Reading } from '../core/command/contract.ts';
import { isBelow, resolvePath } from '../core/command/paths.ts';
import { readCommand } from '../core/command/read-command.ts';
import { mayTravel } from '../core/command/travel.ts';
import type { Reason, RetryCode } from '../core/reason.ts';
import type { AttemptNumber, PeerName } from '../core/schedule/contract.ts';
import type { WrapperRequest } from '../local/wrapper-connection.ts';
import { awaitFacts, commitOutputs, outputObstacles, readPiece, removeHidden } from '../share/commit.ts';
import { type Disk, DiskError } from '../share/disk.ts';
import type { Shares } from '../share/shares.ts';
import { type ByteString, fromBytes, toText } from '../wire/bytes.ts';
import type { JobEnd, Offer, Refused } from '../wire/job-messages.ts';
import type { Members } from './members.ts';
import { type Submission, wantsStdin } from './submission.ts';

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
  | { readonly kind: 'again'; readonly reason: RetryCode; readonly detail: string };

export interface SubmitterTreeInit {
  readonly disk: Disk;
  readonly shares: Shares;
  readonly members: Members;
  /** This peer's id; its end makes hidden names unique. */
  readonly peerId: string;
}

/** What goes to a worker, or why nothing may go there. */
export type Prepared =
  | { readonly argv: readonly ByteString[]; readonly offer: Offer }
  | { readonly refused: Refused };

/** Longest wait until an output that a worker reported is seen here. */
const seeTimeoutMs = 5_000;
const maxResponseFileBytes = 16 * 1024 * 1024;

export class SubmitterTree {
  readonly #disk: Disk;
  readonly #shares: Shares;
  readonly #members: Members;
  readonly #tag: string;
  readonly #hidden = new Map<
    string,
    readonly { path: string; hidden: string; role: 'object' | 'dependencies' }[]
  >();

  constructor(init: SubmitterTreeInit) {
    this.#disk = init.disk;
    this.#shares = init.shares;
    this.#members = init.members;
    this.#tag = init.peerId.slice(-8);
  }

  /** Reads a command and decides, by its words and its place alone, whether it may travel. */
  async read(request: WrapperRequest): Promise<ReadRequest> {
    const command: Command = {
      argv: request.argv,
      cwd: request.job.cwd,
      env: variables(request.environment),
    };
    const reading = await this.#readWhole(command);
    const found = command.cwd === '' ? undefined : await this.#shares.find(command.cwd);
    const root = found?.ok ? found.share.root : undefined;
    // Begun now, so that others have seen this peer's file by the time they are asked.
    if (root !== undefined) void this.#members.join(root);
    const { travels, reason, unslotted } = mayTravel(reading, command, {
      shareOf: (path) => (root !== undefined && isBelow(root, path) ? root : undefined),
      stdin: request.job.stdin,
      stdoutIsTerminal: request.job.stdout === 'tty',
      descriptors: request.job.descriptors,
      force: request.job.force,
    });
    const inline = travels ? undefined : (reason ?? 'outside-share');
    const detail = inline === 'outside-share' && found !== undefined && !found.ok ? found.why : undefined;
    const settled = inline === undefined ? await this.#withoutObstacles(reading, command.cwd) : reading;
    return { reading: settled, share: root, inline, unslotted, detail };
  }

  /** What goes to the worker for one attempt. */
  async prepare(submission: Submission, attempt: AttemptNumber, peer: PeerName): Promise<Prepared> {
    const { request, reading, demand } = submission;
    const root = submission.share ?? '';
    const own = await this.#members.join(root);
    const other = own.ok ? await this.#members.check(root, peer) : own;
    if (!other.ok) return { refused: { code: 'not-member', detail: other.why } };
    const { job } = request;
    const tag = `${this.#tag}-${submission.id}.${attempt}`;
    const renames = reading.rename?.outputsFor(tag).map((output) => ({
      path: resolvePath(job.cwd, output.path),
      hidden: resolvePath(job.cwd, output.hidden),
      role: roleOf(reading, output.path),
    }));
    if (renames !== undefined) this.#hidden.set(tag, renames);
    const outputs =
      renames?.map(({ hidden }) => hidden) ?? reading.outputs.map(({ path }) => resolvePath(job.cwd, path));
    const terminal = job.stdout === 'tty' || job.stderr === 'tty';
    return {
      argv: reading.rename?.argvFor(tag) ?? request.argv,
      offer: {
        job: submission.id,
        attempt,
        share: root,
        cwd: job.cwd,
        umask: job.umask,
        stdin: wantsStdin(submission) ? 'pipe' : job.stdin === 'closed' ? 'closed' : 'null',
        stdout: job.stdout === 'closed' ? 'closed' : job.stdout === 'tty' ? 'pty' : 'pipe',
        stderr: job.stderr === 'closed' ? 'closed' : job.stderr === 'tty' ? 'pty' : 'pipe',
        merged: job.merged,
        blocked: job.blocked,
        ignored: job.ignored,
        rows: terminal ? job.rows : 0,
        columns: terminal ? job.columns : 0,
        memoryBytes: demand.memoryBytes,
        kind: demand.kind,
        outputs: [...new Set(outputs)].filter(
          (path) => submission.share !== undefined && isBelow(submission.share, path),
        ),
      },
    };
  }

  refused(submission: Submission, attempt: AttemptNumber, _peer: PeerName, _refused: Refused): void {
    this.#hidden.delete(this.#tagOf(submission, attempt));
  }

  /** The command ended on the worker: sees its outputs here and commits them. */
  async settle(
    submission: Submission,
    attempt: AttemptNumber,
    _peer: PeerName,
    end: JobEnd,
  ): Promise<Verdict> {
    const tag = this.#tagOf(submission, attempt);
    const renames = this.#hidden.get(tag);
    if (end.ending.kind !== 'exited' || end.ending.status !== 0) {
      this.forget(submission, attempt);
      return { kind: 'good', proven: false };
    }
    const made = end.outputs.filter(({ fact }) => fact.kind !== 'absent');
    if (renames === undefined) {
      const unseen = await awaitFacts(this.#disk, made, { timeoutMs: seeTimeoutMs });
      return unseen.length === 0
        ? { kind: 'good', proven: true }
        : {
            kind: 'again',
            reason: 'output-unseen',
            detail: `not seen here in ${seeTimeoutMs} ms: ${names(unseen)}`,
          };
    }
    const facts = new Map(made.map(({ path, fact }) => [path, fact]));
    const outputs = renames.flatMap((output) => {
      const fact = facts.get(output.hidden);
      return fact === undefined ? [] : [{ ...output, fact }];
    });
    const result = await commitOutputs(this.#disk, outputs, { timeoutMs: seeTimeoutMs });
    if (result.kind === 'committed') {
      this.#hidden.delete(tag);
      return { kind: 'good', proven: true };
    }
    this.forget(submission, attempt);
    return {
      kind: 'again',
      reason: 'output-unseen',
      detail:
        result.kind === 'unseen'
          ? `not seen here in ${seeTimeoutMs} ms: ${names(result.unseen)}`
          : `${toText(result.path)}: ${result.message}`,
    };
  }

  /** The attempt came to nothing: what it wrote under hidden names goes. */
  forget(submission: Submission, attempt: AttemptNumber): void {
    const tag = this.#tagOf(submission, attempt);
    const renames = this.#hidden.get(tag);
    if (renames === undefined) return;
    this.#hidden.delete(tag);
    removeHidden(
      this.#disk,
      renames.map(({ hidden }) => hidden),
    ).catch(() => {
      // What cannot be removed now is found by the next sweep.
    });
  }

  #tagOf(submission: Submission, attempt: AttemptNumber): string {
    return `${this.#tag}-${submission.id}.${attempt}`;
  }

  async #readWhole(command: Command): Promise<Reading> {
    const files = new Map<string, string | undefined>();
    for (;;) {
      const { reading, missing } = readCommand(command, files);
      const wanted = missing.filter((path) => !files.has(path));
      if (wanted.length === 0) return reading;
      for (const path of wanted) files.set(path, await this.#readText(path));
    }
  }

  /** A response file; undefined if it cannot be read or is no such thing (the command itself will say so). */
  async #readText(path: ByteString): Promise<string | undefined> {
    let text = '';
    while (text.length <= maxResponseFileBytes) {
      let piece: Uint8Array;
      try {
        piece = await readPiece(this.#disk, path, text.length);
      } catch (error) {
        if (error instanceof DiskError) return undefined;
        throw error;
      }
      if (piece.length === 0) return text;
      text += fromBytes(piece);
    }
    return undefined;
  }

  /** An output that is a link, a device or the like is written in place, as it would be here. */
  async #withoutObstacles(reading: Reading, cwd: ByteString): Promise<Reading> {
    if (reading.rename === undefined) return reading;
    const outputs = reading.rename.outputsFor('x').map(({ path }) => ({
      path: resolvePath(cwd, path),
      role: roleOf(reading, path),
    }));
    const obstacle = (await outputObstacles(this.#disk, outputs)).find((why) => why !== undefined);
    if (obstacle === undefined) return reading;
    const { rename: _, ...inPlace } = reading;
    return { ...inPlace, inPlaceBecause: obstacle };
  }
}

function roleOf(reading: Reading, path: string): 'object' | 'dependencies' {
  return reading.outputs.some((output) => output.path === path && output.role === 'dependencies')
    ? 'dependencies'
    : 'object';
}

function names(seen: readonly { readonly path: string }[]): string {
  return seen.map(({ path }) => toText(path)).join(', ');
}

function variables(entries: readonly ByteString[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.indexOf('=', 1);
    // Of a name that stands twice, getenv takes the first.
    if (at > 0 && !found.has(entry.slice(0, at))) found.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return found;
}
