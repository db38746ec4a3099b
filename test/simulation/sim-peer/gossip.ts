import {
  createTable,
  type LoadFigures,
  mergeReports,
  nextTellMs,
  ownReport,
  sweepTable,
  type Table,
  tell,
} from '../../../src/core/gossip/table.ts';
import type { LoadReport } from '../../../src/core/load-report.ts';
import type { Connections } from './connections.ts';
import type { Life } from './life.ts';

/** The gossip table that ships, told on over the connections. */
export class Gossip {
  readonly #life: Life;
  readonly #connections: Connections;
  readonly #figures: () => LoadFigures;
  readonly #onNews: (report: LoadReport) => void;
  readonly table: Table;
  #tellAtMs = Number.POSITIVE_INFINITY;

  /**
   * @param figures - of this machine, as they are now.
   * @param onNews - hears of reports that are newer than what was known.
   */
  constructor(
    life: Life,
    connections: Connections,
    figures: () => LoadFigures,
    onNews: (report: LoadReport) => void,
  ) {
    this.#life = life;
    this.#connections = connections;
    this.#figures = figures;
    this.#onNews = onNews;
    const { id, incarnation, world } = life;
    const self: LoadReport = { ...figures(), id, incarnation, sequence: 0 };
    this.table = createTable({ self, seed: world.between(0, 2 ** 31) });
  }

  /** The newest load report; news that are urgent are told soon. */
  report(): LoadReport {
    const report = ownReport(this.table, this.#figures(), this.#life.world.nowMs);
    if (this.table.urgent) this.#tellSoon();
    return report;
  }

  #tellSoon(): void {
    const atMs = nextTellMs(this.table);
    if (atMs >= this.#tellAtMs) return;
    this.#tellAtMs = atMs;
    this.#life.at(atMs, () => this.tell());
  }

  tell(): void {
    this.#tellAtMs = Number.POSITIVE_INFINITY;
    this.report();
    for (const { to, reports } of tell(this.table, this.#life.world.nowMs, this.#connections.ids())) {
      this.#connections.send(to, { type: 'gossip', reports });
    }
    if (this.table.urgent) this.#tellSoon();
  }

  sweep(): void {
    sweepTable(this.table, this.#life.world.nowMs, this.#connections.ids());
  }

  hear(from: string, reports: readonly LoadReport[]): void {
    for (const report of mergeReports(this.table, reports, from, this.#life.world.nowMs))
      this.#onNews(report);
  }
}
