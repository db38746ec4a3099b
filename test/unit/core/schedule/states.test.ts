/** The tables of states beside the dispatcher and the worker that run by them: every row is followed, and there is no other way. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { hostedRows, jobRows, peerRows, type StateRow } from '../../../../src/core/schedule/states.ts';
import { checkout } from '../../../rig/child.ts';
import { runFaults } from '../../../simulation/faults.ts';

const tables: Readonly<
  Record<string, { readonly rows: readonly StateRow[]; readonly start: string; readonly end: string }>
> = {
  jobRows: { rows: jobRows, start: 'unplaced', end: 'over' },
  peerRows: { rows: peerRows, start: 'open', end: 'gone' },
  hostedRows: { rows: hostedRows, start: 'new', end: 'over' },
};

/** Short runs full of faults that follow all rows between them; where they do not any more, more runs are played. */
const tellingSeeds = [243, 1019, 22649, 2535, 21583, 1747, 1026, 1585, 21272, 21419];
const mostSeeds = 6_000;

for (const [name, { rows, start, end }] of Object.entries(tables))
  describe(name, () => {
    test('names a next stage once for each stage and event', () => {
      const pairs = rows.map(([stage, event]) => `${stage} ${event}`);
      assert.equal(new Set(pairs).size, pairs.length);
    });
    test('leads from the first stage to every other, and out of all but the last', () => {
      const reached = new Set([start]);
      for (const from of reached) for (const [stage, , next] of rows) if (stage === from) reached.add(next);
      const stages = new Set(rows.flatMap(([stage, , next]) => [stage, next]));
      assert.deepEqual([...stages].toSorted(), [...reached].toSorted());
      const left = new Set(rows.map(([stage]) => stage));
      assert.deepEqual(
        [...stages].filter((stage) => !left.has(stage)),
        [end],
      );
    });
  });

test('every row is followed in runs full of faults, which break no rule', async () => {
  const missing = new Set(Object.values(tables).flatMap(({ rows }) => rows));
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

test('a stage is changed where the tables are looked up, and nowhere else', () => {
  const folder = join(checkout, 'src/core/schedule');
  const changes = readdirSync(folder).flatMap((name) => {
    const found = readFileSync(join(folder, name), 'utf8').match(/\.stage = .*/g);
    return found?.map((text) => `${name} ${text}`) ?? [];
  });
  assert.deepEqual(changes, [
    'dispatcher-state.ts .stage = after;',
    'dispatcher-state.ts .stage = after;',
    'worker.ts .stage = row[2];',
  ]);
});
