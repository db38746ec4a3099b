/**
 * The submitter's side of outputs: waits until it sees what the worker made, commits it under its real names, has the bytes
 * sent where it stays invisible, and removes what came to nothing.
 */
import type { PeerName } from '../../core/schedule/contract.ts';
import { hiddenPath } from '../../core/share-layout.ts';
import type { FactField } from '../../core/view/contract.ts';
import { seeTimeoutMs } from '../../core/view/outputs.ts';
import {
  awaitFacts,
  awaitWritten,
  commitOutputs,
  type HiddenOutput,
  removeHidden,
  sweepHidden,
} from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import { shareClockMs } from '../../share/share-clock.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { type ByteString, toText } from '../../wire/bytes.ts';
import type { JobEnd } from '../../wire/job-messages.ts';
import type { Seen } from '../../wire/values.ts';
import { fetchOutput } from './fetch-output.ts';
import type { AttemptPlan } from './job-tree.ts';

export type SeeResult =
  | { readonly kind: 'seen' }
  /** They neither became visible here nor could be fetched. */
  | { readonly kind: 'unseen'; readonly detail: string }
  /** They cannot be written here, or are not wanted any more. */
  | { readonly kind: 'failed'; readonly detail: string };

/** What a command that is believed has made, and from whom it can be had where it is not seen here. */
export interface MadeOutputs {
  readonly plan: AttemptPlan;
  readonly end: JobEnd;
  readonly root: ByteString;
  readonly peer: PeerName;
  /** Of facts, those that the machines see alike. */
  readonly fields: readonly FactField[];
  /** An opaque command: what it wrote may have been changed since by something else. */
  readonly isUnknown: boolean;
  /** False once the attempt was given up, as by its caller's end: from then on nothing of it is committed. */
  readonly isWanted: () => boolean;
}

export class Outputs {
  readonly #disk: Disk;
  readonly #timeoutMs: number;
  readonly #openJob: (peer: PeerName) => JobChannel;

  /** @param timeoutMs - longest wait until an output that a worker reported is seen here. */
  constructor(disk: Disk, openJob: (peer: PeerName) => JobChannel, timeoutMs = seeTimeoutMs) {
    this.#timeoutMs = timeoutMs;
    this.#disk = disk;
    this.#openJob = openJob;
  }

  /** Waits until it sees the outputs, and commits them. */
  async see(made: MadeOutputs): Promise<SeeResult> {
    const { plan, end } = made;
    const there = end.outputs.filter(({ fact }) => fact.kind !== 'absent');
    if (plan.renames.length === 0) return await this.#seeInPlace(made, there);
    const facts = new Map(there.map(({ path, fact }) => [path, fact]));
    const outputs = plan.renames.flatMap((output) => {
      const fact = facts.get(output.hidden);
      // After a compile error gcc leaves the dependency file, and nothing else.
      const isLeft = isSuccess(end) || output.role === 'dependencies';
      return fact === undefined || !isLeft ? [] : [{ ...output, fact }];
    });
    const unwanted = hiddenOf(plan).filter((hidden) => !outputs.some((output) => output.hidden === hidden));
    return await this.#commit(made, outputs, unwanted);
  }

  /** What an attempt that came to nothing has written under hidden names. */
  async remove(hidden: readonly ByteString[]): Promise<void> {
    if (hidden.length === 0) return;
    try {
      await removeHidden(this.#disk, hidden);
    } catch {
      // What cannot be removed now is found by the next sweep.
    }
  }

  /** What attempts of peers that were killed long ago left in a directory that this one begins to write to. */
  sweep(root: ByteString, directory: ByteString): void {
    shareClockMs(this.#disk, root)
      .then((nowMs) => sweepHidden(this.#disk, [directory], nowMs))
      .catch(() => {
        // It is only old litter; the next peer tries again.
      });
  }

  async #seeInPlace(made: MadeOutputs, there: readonly Seen[]): Promise<SeeResult> {
    const see = made.isUnknown ? awaitWritten : awaitFacts;
    const unseen = await see(this.#disk, there, { fields: made.fields, timeoutMs: this.#timeoutMs });
    if (unseen.length === 0) return { kind: 'seen' };
    const missing = new Set(unseen.map(({ path }) => path));
    const outputs = there.flatMap(({ path, fact }) =>
      missing.has(path) ? [{ path, hidden: path, role: 'object' as const, fact }] : [],
    );
    return await this.#fetchAndCommit(made, outputs, []);
  }

  async #commit(
    made: MadeOutputs,
    outputs: readonly HiddenOutput[],
    unwanted: readonly ByteString[],
  ): Promise<SeeResult> {
    if (!made.isWanted()) return givenUp;
    const result = await commitOutputs(this.#disk, outputs, {
      fields: made.fields,
      timeoutMs: this.#timeoutMs,
      unwanted,
    });
    if (result.kind === 'committed') return { kind: 'seen' };
    if (result.kind === 'failed') return failed(result);
    return await this.#fetchAndCommit(made, outputs, unwanted);
  }

  /** They stay invisible: the worker sends their bytes, which are written here and take the real names. */
  async #fetchAndCommit(
    made: MadeOutputs,
    outputs: readonly HiddenOutput[],
    unwanted: readonly ByteString[],
  ): Promise<SeeResult> {
    const fetched: HiddenOutput[] = [];
    const begun: ByteString[] = [];
    if (!made.isWanted()) return givenUp;
    try {
      for (const output of outputs) {
        const hidden = hiddenPath(output.path, `sent-${made.peer.slice(-8)}`);
        begun.push(hidden);
        const fetch = { share: made.root, path: output.hidden };
        const fact = await fetchOutput(this.#openJob(made.peer), this.#disk, fetch, hidden);
        fetched.push({ ...output, hidden, fact });
      }
    } catch (error) {
      await this.remove(begun);
      const paths = outputs.map(({ path }) => toText(path)).join(', ');
      return {
        kind: 'unseen',
        detail: `not seen here in ${this.#timeoutMs} ms, nor sent (${String(error)}): ${paths}`,
      };
    }
    if (!made.isWanted()) {
      await this.remove(begun);
      return givenUp;
    }
    const result = await commitOutputs(this.#disk, fetched, { unwanted });
    if (result.kind === 'committed') return { kind: 'seen' };
    return result.kind === 'failed'
      ? failed(result)
      : { kind: 'unseen', detail: 'what was sent is not seen either' };
  }
}

const givenUp = { kind: 'failed', detail: 'the attempt was given up' } as const;

export function isSuccess({ ending }: JobEnd): boolean {
  return ending.kind === 'exited' && ending.status === 0;
}

/** All hidden names of an attempt. */
export function hiddenOf(plan: AttemptPlan): ByteString[] {
  return plan.renames.map(({ hidden }) => hidden);
}

function failed(result: { readonly path: ByteString; readonly message: string }): SeeResult {
  return { kind: 'failed', detail: `${toText(result.path)} could not be renamed: ${result.message}` };
}
