/** Reads control messages of peers, as far as their sender may cost, and hands each to the part that it is for. */
import type { LoadReport } from '../../core/load-report.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { ControlFrame } from '../../swarm/contract.ts';
import {
  type Examine,
  type Examined,
  type Known,
  type Pair,
  parseExamine,
  parseExamined,
  parseFree,
  parseGossip,
  parseKnown,
  parsePair,
  parseShares,
  parseWant,
  type Shares,
} from '../../wire/control-messages.ts';
import { FrameError } from '../../wire/frame.ts';
import { StrangerBudget } from '../trust/stranger-budget.ts';

/** What a peer asks of the doctor here, or answers the one here. */
export type DoctorSaid = { readonly asks: Examine } | { readonly answers: Examined };

export interface ControlInboxInit {
  /** It has proven nothing: what it says is bounded. */
  readonly isStranger: (peer: PeerName) => boolean;
  readonly now: () => number;
  /** A message of a stranger that says too much is not read. */
  readonly onDropped: (peer: PeerName) => void;
  readonly onReports: (peer: PeerName, reports: readonly LoadReport[]) => void;
  readonly onFree: (report: LoadReport) => void;
  readonly onWant: (peer: PeerName, jobs: number) => void;
  readonly onKnown: (peer: PeerName, known: Known) => void;
  readonly onPair: (peer: PeerName, pair: Pair) => void;
  readonly onDoctor: (peer: PeerName, said: DoctorSaid) => void;
  readonly onShares: (peer: PeerName, shares: Shares['shares']) => void;
}

export class ControlInbox {
  readonly #init: ControlInboxInit;
  readonly #strangers: StrangerBudget;

  constructor(init: ControlInboxInit) {
    this.#init = init;
    this.#strangers = new StrangerBudget(init.now);
  }

  /** @throws FrameError if it makes no sense or is too much; the connection must end. */
  take(peer: PeerName, frame: ControlFrame): void {
    const { payload } = frame;
    const isStranger = this.#init.isStranger(peer);
    if (isStranger && !this.#strangers.allows(peer, payload.length)) return this.#init.onDropped(peer);
    switch (frame.type) {
      case 'GOSSIP':
        return this.#init.onReports(peer, parseGossip(payload).reports);
      case 'FREE': {
        const { report } = parseFree(payload);
        if (report.id !== peer) throw new FrameError('a FREE message with the load report of another peer');
        this.#init.onReports(peer, [report]);
        return this.#init.onFree(report);
      }
      case 'WANT':
        // A stranger gets no slot, so none is kept for it.
        if (!isStranger) this.#init.onWant(peer, parseWant(payload));
        return;
      case 'SHARES':
        return this.#init.onShares(peer, parseShares(payload).shares);
      case 'KNOWN':
        return this.#init.onKnown(peer, parseKnown(payload));
      case 'PAIR':
        return this.#init.onPair(peer, parsePair(payload));
      case 'EXAMINE':
        return this.#init.onDoctor(peer, { asks: parseExamine(payload) });
      case 'EXAMINED':
        return this.#init.onDoctor(peer, { answers: parseExamined(payload) });
      default:
        frame.type satisfies never;
    }
  }

  forget(peer: PeerName): void {
    this.#strangers.forget(peer);
  }
}
