/** Refusals that waiting does not cure, by peer and kind of job: `status` shows them until the peer takes such a job again. */

import { BoundedMap } from '../../core/bounded-map.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import { type RefusalCode, reasons } from '../../core/reason.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { Refused } from '../../wire/job-messages.ts';

const lasting: ReadonlySet<RefusalCode> = new Set(['toolchain', 'untraced', 'share', 'native']);
/** Kinds of jobs that are remembered of a peer. */
const maxKinds = 32;

/** Sentences, and whether the peer is of no use at all. */
export interface WhyNot {
  readonly why: readonly string[];
  readonly takesNone: boolean;
}

export class Refusals {
  /** What a peer last said to a job of a kind: undefined if it took it. */
  readonly #answers = new Map<PeerName, Map<string, string | undefined>>();

  note(peer: PeerName, kind: string, { code, detail }: Refused): void {
    if (!lasting.has(code)) return;
    this.#put(peer, kind, `${code}: ${detail ?? reasons[code]}`);
  }

  taken(peer: PeerName, kind: string): void {
    this.#put(peer, kind, undefined);
  }

  /** Why a peer does not take this machine's jobs, or some of them. @param strange - why it is no member, if it is none. */
  of(peer: PeerName, strange: readonly string[]): WhyNot {
    const answers = [...(this.#answers.get(peer)?.values() ?? [])];
    const why = [...new Set([...strange, ...answers.filter((answer) => answer !== undefined)])];
    return { why, takesNone: why.length > 0 && (strange.length > 0 || !answers.includes(undefined)) };
  }

  forget(peer: PeerName): void {
    this.#answers.delete(peer);
  }

  #put(peer: PeerName, kind: string, answer: string | undefined): void {
    getOrMake(this.#answers, peer, () => new BoundedMap(maxKinds)).set(kind, answer);
  }
}
