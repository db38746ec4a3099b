import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ClockShift, timeHere } from '../../../src/tree/clock-shift.ts';

const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n;
const hour = 3_600_000;

/** Handed in at 1000 and back at 1900 by the clock here; it ran from 1200 to 1800, by a clock that is so far ahead. */
const shifted = (aheadMs: number): ClockShift => ({
  handedInMs: 1000 + hour,
  startedMs: 1200 + hour + aheadMs,
  sentMs: 1800 + hour + aheadMs,
  receivedMs: 1900 + hour,
});

describe('times of files that a job wrote', () => {
  it('stay to the nanosecond where both clocks may show the same', () => {
    for (const aheadMs of [-200, -30, 0, 30, 100]) {
      const timeNs = ns(1500 + hour + aheadMs) + 7n;
      assert.deepEqual(timeHere(timeNs, shifted(aheadMs)), { timeNs, isChosen: false });
    }
  });

  it('are between the hand-in and now by the clock here, whatever the worker’s shows', () => {
    for (const aheadMs of [-hour, -250, -150, 150, 250, hour])
      for (const atMs of [1200, 1500, 1799]) {
        const { timeNs, isChosen } = timeHere(ns(atMs + hour + aheadMs), shifted(aheadMs));
        assert.equal(isChosen, false);
        assert.ok(timeNs >= ns(1000 + hour) && timeNs <= ns(1900 + hour), `${aheadMs} ${atMs}: ${timeNs}`);
      }
  });

  it('that the command chose stay', () => {
    for (const timeNs of [5n, ns(1199 + hour), ns(1801 + hour)])
      assert.deepEqual(timeHere(timeNs, shifted(0)), { timeNs, isChosen: true });
  });
});
