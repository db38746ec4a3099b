/** What is told to have changed since a generation, against a list of all changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom, nextInteger } from '../../../../src/core/random.ts';
import { ChangeLog } from '../../../../src/core/tree/change-log.ts';
import type { TreeChange } from '../../../../src/core/tree/contract.ts';

const kinds = ['name', 'node', 'listing'] as const;

test('after any history each path is told once, by its last change', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = createRandom(seed);
    const draw = (below: number): number => nextInteger(random, below);
    const log = new ChangeLog(1000);
    const last = new Map<string, { any: number; name: number }>();
    // Few paths change again and again, so that what is kept of them is tidied up many times.
    for (let generation = 1; generation <= 200; generation += 1) {
      const changes: TreeChange[] = Array.from({ length: draw(8) }, () => ({
        kind: kinds[draw(kinds.length)] ?? 'node',
        directory: `/d${draw(5)}`,
        name: draw(4) === 0 ? '' : `f${draw(10)}`,
      }));
      log.take({ generation, everything: false, changes }, generation);
      for (const { kind, directory, name } of changes) {
        const path = name === '' ? directory : `${directory}/${name}`;
        const before = last.get(path)?.name ?? 0;
        last.delete(path);
        last.set(path, { any: generation, name: kind === 'node' ? before : generation });
      }
      const since = draw(generation + 2);
      const expected = [...last].filter(([, { any }]) => any > since);
      assert.deepEqual(
        [...log.since(since)].map(({ path, any, name }) => [path, { any, name }]),
        expected,
        `seed ${seed}, since ${since} at ${generation}`,
      );
      const below = expected.filter(([path]) => path.startsWith('/d1/')).map(([, { any }]) => any);
      assert.equal(log.lastBelow('/d1', since), Math.max(0, ...below));
    }
  }
});

test('what was forgotten is not told, and is known to be', () => {
  const log = new ChangeLog(2);
  const take = (name: string, generation: number): void =>
    log.take(
      { generation, everything: false, changes: [{ kind: 'node', directory: '/d', name }] },
      generation,
    );
  for (const [n, name] of ['a', 'b', 'a', 'c'].entries()) take(name, n + 1);
  assert.deepEqual(
    [...log.since(0)].map(({ path }) => path),
    ['/d/a', '/d/c'],
  );
  assert.equal(log.knownSince, 2);
});
