import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadReport } from '../../../../src/core/load-report.ts';
import { GossipLoop } from '../../../../src/peer/mesh/gossip-loop.ts';
import { StrangerBudget } from '../../../../src/peer/trust/stranger-budget.ts';
import { FrameError } from '../../../../src/wire/frame.ts';
import { report } from '../../../rig/load-report.ts';

test('what a stranger says is read up to an allowance, and one that goes on is sent away', () => {
  let nowMs = 0;
  const strangers = new StrangerBudget(() => nowMs);
  const says = (): boolean => strangers.allows('s', 16_000);
  assert.deepEqual([says(), says(), says(), says()], [true, true, true, false]);
  assert.ok(strangers.allows('other', 16_000), 'each has its own');
  nowMs += 60_000;
  assert.ok(says());
  assert.throws(() => {
    for (let at = 0; at < 1000; at += 1) says();
  }, FrameError);
});

test('a stranger speaks for itself alone; what it says of others is an address at most', () => {
  const reportOf = (id: string, slots: number, sequence: number): LoadReport =>
    report(id, { slots, sequence });
  const news: string[] = [];
  const hearsay: string[] = [];
  const loop = new GossipLoop({
    self: reportOf('self', 1, 1),
    seed: 1,
    now: () => 0,
    neighbours: () => [],
    send: () => {},
    isTrusted: (peer) => peer === 'member',
    isUsable: () => false,
    onNews: ({ id }) => news.push(id),
    onHearsay: ({ id }) => hearsay.push(id),
  });
  loop.take([reportOf('honest', 4, 7)], 'honest');
  // Were this believed, nothing that the honest peer says of itself would ever be newer.
  loop.take([reportOf('honest', 0, Number.MAX_SAFE_INTEGER), reportOf('stranger', 9, 1)], 'stranger');
  assert.equal(loop.reportOf('honest')?.slots, 4);
  assert.equal(loop.reportOf('stranger')?.slots, 9);
  assert.deepEqual(hearsay, ['honest']);
  loop.take([reportOf('honest', 5, 8)], 'member');
  assert.equal(loop.reportOf('honest')?.slots, 5);
  assert.deepEqual(news, ['honest', 'stranger', 'honest']);
  loop.stop();
});
