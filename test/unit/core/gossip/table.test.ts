import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  createTable,
  expiryMs,
  maximumPeers,
  maximumReports,
  mergeReports,
  nextTellMs,
  ownReport,
  refreshMs,
  reportOf,
  restRoundMs,
  roundMs,
  sweepTable,
  type Table,
  tell,
} from '../../../../src/core/gossip/table.ts';
import type { LoadReport } from '../../../../src/core/load-report.ts';
import { report } from '../../../rig/load-report.ts';

const table = (id = 'me') => createTable({ self: report(id), seed: 1 });

function view(of: Table): LoadReport[] {
  return [...of.entries.values()].map((entry) => entry.report).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

const reports = fc.array(
  fc.record({ id: fc.constantFrom('a', 'b', 'c', 'me'), incarnation: fc.nat(2), sequence: fc.nat(5) }),
  { maxLength: 30 },
);

test('reports in any order, repeated or not, end in the same table', () => {
  fc.assert(
    fc.property(reports, fc.array(fc.nat()), (keys, order) => {
      // A report is fully named by its key, as a peer numbers each change.
      const made = keys.map(({ id, incarnation, sequence }) =>
        report(id, { incarnation, sequence, running: incarnation * 10 + sequence }),
      );
      const once = table();
      mergeReports(once, made, 'x', 0);
      const shuffled = table();
      const mixed = made
        .flatMap((item, at) =>
          [item, item].map((copy, n) => ({ copy, key: order[(2 * at + n) % (order.length || 1)] ?? 0 })),
        )
        .toSorted((a, b) => a.key - b.key);
      for (const { copy } of mixed) mergeReports(shuffled, [copy], 'y', 0);
      assert.deepEqual(view(shuffled), view(once));
    }),
  );
});

test('what others say of this peer is dropped', () => {
  const own = table();
  assert.deepEqual(mergeReports(own, [report('me', { sequence: 99, slots: 0 })], 'a', 0), []);
  assert.equal(reportOf(own, 'me')?.slots, 4);
});

test('the own report has a new number for each change of a figure, and only for that', () => {
  const own = table();
  const { id: _id, incarnation: _incarnation, sequence: _sequence, ...figures } = report('me');
  const first = ownReport(own, figures, 0);
  assert.equal(ownReport(own, figures, 1).sequence, first.sequence);
  assert.equal(ownReport(own, { ...figures, running: 1 }, 2).sequence, first.sequence + 1);
});

test('three neighbours at most are told, the own report always, and nothing twice', () => {
  const own = table();
  mergeReports(own, [report('a'), report('b')], 'b', 0);
  const messages = tell(own, 0, ['a', 'b', 'c', 'd', 'e']);
  assert.equal(messages.length, 3);
  for (const { to, reports } of messages) {
    assert.ok(reports.some(({ id }) => id === 'me'));
    assert.ok(!reports.some(({ id }) => id === to));
    if (to === 'b') assert.equal(reports.length, 1, 'b has told it itself');
  }
  assert.deepEqual(tell(own, 1, ['a', 'b', 'c']), [], 'the next round is later');
  const two = table();
  tell(two, 0, ['a']);
  assert.deepEqual(tell(two, 1_000, ['a']), []);
  assert.equal(tell(two, refreshMs, ['a'])[0]?.reports.length, 1, 'told again after a while');
});

test('a message is bounded, and what did not fit comes with the next', () => {
  const own = table();
  const many = Array.from({ length: 600 }, (_, n) => report(`p${n}`));
  mergeReports(own, many, 'x', 0);
  const got = new Set<string>();
  for (let round = 0; round < 3; round += 1) {
    for (const { reports } of tell(own, round * 1_000, ['a'])) {
      assert.ok(reports.length <= maximumReports);
      for (const { id } of reports) got.add(id);
    }
  }
  assert.equal(got.size, 601);
});

test('a change of weight is told soon, a small one with the next round', () => {
  const own = table();
  const { id: _id, incarnation: _incarnation, sequence: _sequence, ...figures } = report('me', { slots: 40 });
  ownReport(own, figures, 0);
  tell(own, 0, ['a']);
  ownReport(own, { ...figures, running: 1 }, 10);
  assert.equal(nextTellMs(own), 1_000);
  assert.deepEqual(tell(own, 1_000, ['a']), [], 'one job of forty is no news');
  ownReport(own, { ...figures, state: 'refusing', reasons: ['leaving'] }, 1_010);
  assert.equal(nextTellMs(own), 1_200);
  assert.equal(tell(own, 1_200, ['a'])[0]?.reports[0]?.state, 'refusing');
});

test('while nothing of weight changes, rounds are rare, and quick again for some rounds after a change', () => {
  const own = table();
  const { id: _id, incarnation: _incarnation, sequence: _sequence, ...figures } = report('me', { slots: 40 });
  let nowMs = 0;
  /** Distances of the next four rounds, ms. */
  const distances = (): number[] =>
    Array.from({ length: 4 }, () => {
      const lastMs = nowMs;
      nowMs = Math.max(nowMs, nextTellMs(own));
      tell(own, nowMs, ['a', 'b']);
      return nowMs - lastMs;
    }).slice(1);
  ownReport(own, figures, nowMs);
  distances();
  distances();
  const quick = [roundMs, roundMs, restRoundMs];
  const rest = [restRoundMs, restRoundMs, restRoundMs];
  assert.deepEqual(distances(), rest, 'nothing happens');
  mergeReports(own, [report('a')], 'a', nowMs);
  assert.deepEqual(distances(), quick, 'a new peer');
  mergeReports(own, [report('a', { sequence: 2 })], 'a', nowMs);
  assert.deepEqual(distances(), rest, 'that it still lives');
  mergeReports(own, [report('a', { sequence: 3, running: 2 })], 'a', nowMs);
  assert.deepEqual(distances(), quick, 'jobs elsewhere');
  ownReport(own, { ...figures, running: 8 }, nowMs);
  assert.deepEqual(distances(), quick, 'jobs here');
});

test('peers without news are forgotten, and the table does not grow without bound', () => {
  const own = table();
  mergeReports(own, [report('old')], 'x', 0);
  mergeReports(own, [report('young')], 'x', 20_000);
  assert.deepEqual(sweepTable(own, expiryMs + 1, []), ['old']);
  const crowd = Array.from({ length: 2 * maximumPeers }, (_, n) => report(`p${n}`));
  mergeReports(own, crowd, 'x', 20_000);
  assert.equal(own.entries.size, maximumPeers);
  tell(own, 50_000, ['a', 'b']);
  sweepTable(own, 50_001, ['b']);
  assert.deepEqual([...own.told.keys()], ['b']);
});
