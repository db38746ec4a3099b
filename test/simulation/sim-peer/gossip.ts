import {
  createTable,
  mergeReports,
  nextTellMs,
  ownReport,
  sweepTable,
  type Table,
  tell,
} from '../../../src/core/gossip/table.ts';
import type { LoadReport } from '../../../src/core/load-report.ts';
import { reportFigures } from '../../../src/core/schedule/worker.ts';
import type { Connections } from './connections.ts';
import type { Life } from './life.ts';
import type { Scheduler } from './scheduler.ts';

const GiB = 2 ** 30;

/** The gossip table that ships, told on over the connections. */
export class Gossip {
  readonly #life: Life;
  readonly #slots: number;
  readonly #scheduler: Scheduler;
  readonly #connections: Connections;
  table: Table;
  memoryFreeBytes = 16 * GiB;
  #tellAtMs = Number.POSITIVE_INFINITY;

  constructor(life: Life, slots: number, scheduler: Scheduler, connections: Connections) {
    this.#life = life;
    this.#slots = slots;
    this.#scheduler = scheduler;
    this.#connections = connections;
    this.table = createTable({ self: this.#firstReport() });
  }

  /** As after a start. */
  reset(seed: number): void {
    this.table = createTable({ self: this.#firstReport(), seed });
    this.#tellAtMs = Number.POSITIVE_INFINITY;
  }

  #firstReport(): LoadReport {
    const { id, incarnation } = this.#life;
    return {
      id,
      incarnation,
      sequence: 0,
      name: id,
      version: '0',
      addresses: [],
      slots: this.#slots,
      running: 0,
      queued: 0,
      load: 0,
      memoryFreeBytes: 16 * GiB,
      speed: 1,
      state: 'ready',
      reasons: [],
    };
  }

  /** The newest load report; news that are urgent are told soon. */
  report(): LoadReport {
    const { name, version, addresses, speed } = this.table.own;
    const figures = {
      name,
      version,
      addresses,
      speed,
      memoryFreeBytes: this.memoryFreeBytes,
      ...reportFigures(this.#scheduler.worker),
    };
    const report = ownReport(this.table, figures, this.#life.world.nowMs);
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

  /** @returns the reports that are news. */
  merge(reports: readonly LoadReport[], from: string): LoadReport[] {
    return mergeReports(this.table, reports, from, this.#life.world.nowMs);
  }

  hear(from: string, reports: readonly LoadReport[]): void {
    for (const report of this.merge(reports, from)) {
      if (this.#scheduler.dispatcher.peers.has(report.id))
        this.#scheduler.dispatch({ type: 'report', report });
    }
  }
}
