/** The tables of states while the dispatcher and the worker run by them: every row is followed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostedRows, jobRows, peerRows, type StateRow } from '../../src/core/schedule/states.ts';
import { runFaults } from './faults.ts';

/** Short runs full of faults that follow all rows between them; where they do not any more, more runs are played. */
const tellingSeeds = [243, 1019, 22649, 2535, 21583, 1747, 1026, 1585, 21272, 21419];
const mostSeeds = 6_000;

test('every row is followed in runs full of faults, which break no rule', async () => {
  const missing = new Set<StateRow>([...jobRows, ...peerRows, ...hostedRows]);
  const needed: number[] = [];
  for (let n = 0; n < tellingSeeds.length + mostSeeds && missing.size > 0; n += 1) {
    const seed = tellingSeeds[n] ?? n - tellingSeeds.length + 1;
    const before = missing.size;
    const { failures } = await runFaults(seed, 1, { onRow: (row) => missing.delete(row) });
    assert.deepEqual(failures, [], `scripts/simulate --seed ${seed}`);
    if (missing.size < before) needed.push(seed);
  }
  const unseen = [...missing].map((row) => row.slice(0, 3).join(' '));
  assert.deepEqual(unseen, [], 'rows that nothing follows');
  if (needed.some((seed) => !tellingSeeds.includes(seed)))
    console.log(`all rows are followed with the seeds ${needed.join(', ')} now`);
});
