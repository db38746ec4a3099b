/** Carries the gossip table: takes what others send, tells three neighbours a round, keeps the own report. */
import {
  createTable,
  type LoadFigures,
  mergeReports,
  nextTellMs,
  ownReport,
  reportOf,
  sweepTable,
  type Table,
  tell,
} from '../../core/gossip/table.ts';
import type { LoadReport } from '../../core/load-report.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { encodeGossip } from '../../wire/control-messages.ts';
import type { Payload } from '../../wire/frame.ts';
import { Alarm } from '../alarm.ts';

/** Reports of other peers in one message to a peer that is not proven: it does not believe them, and takes addresses only. */
const reportsToStrangers = 8;

export interface GossipLoopInit {
  readonly self: LoadReport;
  readonly seed: number;
  readonly now: () => number;
  readonly neighbours: () => string[];
  readonly send: (to: PeerName, payload: Payload<'GOSSIP'>) => void;
  /** Whether what a peer says of others is believed; a stranger speaks for itself alone. */
  readonly isTrusted: (peer: PeerName) => boolean;
  /** Whether a peer believes what we say of others. */
  readonly isUsable: (peer: PeerName) => boolean;
  /** A report that is newer than what was known. */
  readonly onNews: (report: LoadReport) => void;
  /** A stranger says that there is another peer. */
  readonly onHearsay: (report: LoadReport) => void;
}

export class GossipLoop {
  readonly #init: GossipLoopInit;
  readonly #table: Table;
  readonly #alarm: Alarm;

  constructor(init: GossipLoopInit) {
    this.#init = init;
    this.#table = createTable({ self: init.self, seed: init.seed });
    this.#alarm = new Alarm(init.now, () => this.#round());
  }

  start(): void {
    this.#round();
  }

  stop(): void {
    this.#alarm.cancel();
  }

  /** This peer's report with these figures; others hear of it soon if they should. */
  own(figures: LoadFigures): LoadReport {
    const report = ownReport(this.#table, figures, this.#init.now());
    this.#alarm.at(nextTellMs(this.#table));
    return report;
  }

  take(reports: readonly LoadReport[], from: PeerName): void {
    const trusted = this.#init.isTrusted(from);
    const believed = trusted ? reports : reports.filter(({ id }) => id === from);
    for (const report of mergeReports(this.#table, believed, from, this.#init.now()))
      this.#init.onNews(report);
    this.#alarm.at(nextTellMs(this.#table));
    if (trusted) return;
    for (const report of reports) if (report.id !== from) this.#init.onHearsay(report);
  }

  reportOf(peer: PeerName): LoadReport | undefined {
    return reportOf(this.#table, peer);
  }

  /** Age of what is known of a peer, ms. */
  ageMs(peer: PeerName): number {
    const heardAtMs = this.#table.entries.get(peer)?.heardAtMs;
    return heardAtMs === undefined ? 0 : this.#init.now() - heardAtMs;
  }

  #round(): void {
    const nowMs = this.#init.now();
    const neighbours = this.#init.neighbours();
    for (const { to, reports } of tell(this.#table, nowMs, neighbours)) {
      // The own report is the last.
      const told = this.#init.isUsable(to) ? reports : reports.slice(-1 - reportsToStrangers);
      this.#init.send(to, encodeGossip({ reports: told }));
    }
    sweepTable(this.#table, nowMs, neighbours);
    this.#alarm.at(nextTellMs(this.#table));
  }
}
