/** Refusals that waiting does not cure, by peer: `status` shows them until that peer takes a job again. */
import { type Reason, reasons } from '../core/reason.ts';
import type { PeerName } from '../core/schedule/contract.ts';
import type { Refused } from '../wire/job-messages.ts';

export class Refusals {
  readonly #byPeer = new Map<PeerName, Map<Reason, string>>();

  note(peer: PeerName, { code, detail }: Refused): void {
    if (code !== 'toolchain' && code !== 'share' && code !== 'native') return;
    let refusals = this.#byPeer.get(peer);
    if (refusals === undefined) {
      refusals = new Map();
      this.#byPeer.set(peer, refusals);
    }
    refusals.set(code, `${code}: ${detail ?? reasons[code]}`);
  }

  /** Why a peer does not take this machine's jobs, sentences. */
  of(peer: PeerName): string[] {
    return [...(this.#byPeer.get(peer)?.values() ?? [])];
  }

  forget(peer: PeerName): void {
    this.#byPeer.delete(peer);
  }
}
