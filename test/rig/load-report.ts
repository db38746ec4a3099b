import type { LoadReport } from '../../src/core/load-report.ts';

/** A load report for tests. */
export function report(id: string, figures: Partial<LoadReport> = {}): LoadReport {
  return {
    id,
    incarnation: 1,
    sequence: 1,
    name: id,
    version: '0.1.0',
    addresses: [],
    slots: 4,
    running: 0,
    queued: 0,
    load: 0,
    memoryFreeBytes: 8 * 2 ** 30,
    speed: 1,
    state: 'ready',
    reasons: [],
    ...figures,
  };
}
