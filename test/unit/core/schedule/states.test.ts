/** The tables of states beside the dispatcher and the worker that run by them; that each row is followed is seen in simulation/states. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { hostedRows, jobRows, peerRows, type StateRow } from '../../../../src/core/schedule/states.ts';
import { checkout } from '../../../rig/child.ts';

const tables: Readonly<
  Record<string, { readonly rows: readonly StateRow[]; readonly start: string; readonly end: string }>
> = {
  jobRows: { rows: jobRows, start: 'unplaced', end: 'over' },
  peerRows: { rows: peerRows, start: 'open', end: 'gone' },
  hostedRows: { rows: hostedRows, start: 'new', end: 'over' },
};

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
