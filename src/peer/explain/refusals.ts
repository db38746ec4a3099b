/**
 * Refusals that waiting does not cure, by worker and kind of job: `status` shows them until the worker takes a job of
 * that kind.
 */
import { BoundedMap } from '../../core/bounded-map.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { type RefusalCode, reasons } from '../../core/reason.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { Refused } from '../../wire/job-messages.ts';

const lasting: ReadonlySet<RefusalCode> = new Set(['toolchain', 'untraced', 'share', 'native']);
/** Kinds of jobs that are remembered for each worker. */
const maxKinds = 32;

/** Why a worker is not used: sentences, and whether they hold for every job. */
export interface WhyNot {
  readonly why: readonly string[];
  readonly takesNone: boolean;
}

export class Refusals {
  /** What a worker last said to a job of each kind: undefined if it took the job. */
  readonly #answers = new Map<PeerName, Map<string, string | undefined>>();

  note(peer: PeerName, kind: string, { code, detail }: Refused): void {
    if (!lasting.has(code)) return;
    this.#put(peer, kind, `${code}: ${detail ?? reasons[code]}`);
  }

  taken(peer: PeerName, kind: string): void {
    this.#put(peer, kind, undefined);
  }

  /**
   * Why a worker does not take the jobs of this machine, or some of them.
   *
   * @param notMember - why it is not a member; empty if it is one.
   */
  of(peer: PeerName, notMember: readonly string[]): WhyNot {
    const answers = [...(this.#answers.get(peer)?.values() ?? [])];
    const why = [...new Set([...notMember, ...answers.filter((answer) => answer !== undefined)])];
    return { why, takesNone: why.length > 0 && (notMember.length > 0 || !answers.includes(undefined)) };
  }

  forget(peer: PeerName): void {
    this.#answers.delete(peer);
  }

  #put(peer: PeerName, kind: string, answer: string | undefined): void {
    getOrMake(this.#answers, peer, () => new BoundedMap(maxKinds)).set(kind, answer);
  }
}
