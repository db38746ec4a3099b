/** When a pool starts another servant. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HangingPool, type ServantEvents } from '../../../src/share/hanging-pool.ts';
import { until } from '../../rig/until.ts';

const timeoutMs = 10_000;

/** A pool whose servants answer a request by its number; `hang` is answered when it is released. */
function pool(maxServants = 3) {
  const started: ServantEvents<number>[] = [];
  const hanging: (() => void)[] = [];
  const made = new HangingPool<number | 'hang', number>({
    maxServants,
    maxHung: 1,
    start: (events) => {
      started.push(events);
      return {
        ask: (request) => {
          if (request === 'hang') hanging.push(() => events.onAnswer(-1));
          else setImmediate(() => events.onAnswer(request));
        },
        setAside: () => undefined,
        end: () => undefined,
      };
    },
  });
  return { made, started, release: () => hanging.splice(0).forEach((answer) => answer()) };
}

test('a burst of requests that are answered at once is left to one servant, in order', async (t) => {
  // However long it takes here, no time passes.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { made, started } = pool();
  const order: number[] = [];
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  await Promise.all(numbers.map(async (n) => order.push(await made.run(n, 'a look', timeoutMs))));
  assert.deepEqual(order, numbers);
  assert.equal(started.length, 1);
  await made.close();
});

test('where a servant is held up, another one is started for those that wait', async () => {
  const { made, started, release } = pool();
  const held = made.run('hang', 'a look', timeoutMs);
  const waiting = [1, 2, 3].map((n) => made.run(n, 'a look', timeoutMs));
  assert.equal(started.length, 1);
  assert.deepEqual(await Promise.all(waiting), [1, 2, 3]);
  assert.equal(started.length, 2);
  release();
  assert.equal(await held, -1);
  await made.close();
});

test('while a servant is being started, its start is waited for', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { made, started, release } = pool();
  const run = (request: number | 'hang') => made.run(request, 'a look', timeoutMs);
  const calls = [run('hang'), run(1)];
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  await pass(199);
  assert.equal(started.length, 1);
  await pass(1);
  assert.equal(started.length, 2);
  release();
  await Promise.all(calls);
  // Both have answered once: now others wait for 10 ms only.
  const held = [run('hang'), run('hang'), run(2)];
  await pass(10);
  assert.equal(started.length, 3);
  release();
  assert.deepEqual(await Promise.all(held), [-1, -1, 2]);
  await made.close();
});

test('what waited for a start waits no longer than others once that is over', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { made, started, release } = pool();
  const calls = ['hang' as const, 'hang' as const, 1].map((request) =>
    made.run(request, 'a look', timeoutMs),
  );
  release();
  await calls[0];
  t.mock.timers.tick(10);
  assert.equal(await calls[2], 1);
  assert.equal(started.length, 2);
  release();
  await calls[1];
  await made.close();
});

test('a servant that hangs in its first request is no reason to wait longer for others', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { made, started, release } = pool();
  const run = (request: number | 'hang', deadlineMs = timeoutMs) => made.run(request, 'a look', deadlineMs);
  const hung = run('hang', 5);
  t.mock.timers.tick(5);
  await assert.rejects(hung, { code: 'HUNG' });
  assert.equal(await run(1), 1);
  const calls = [run('hang'), run(2)];
  t.mock.timers.tick(10);
  assert.equal(await calls[1], 2);
  assert.equal(started.length, 3);
  release();
  await calls[0];
  await made.close();
});

test('no more than it may have are started, and what waits is answered when one is free', async () => {
  const { made, started, release } = pool(2);
  const held = [made.run('hang', 'a look', timeoutMs), made.run('hang', 'a look', timeoutMs)];
  await until(() => started.length === 2, timeoutMs, 'two servants are held up');
  const waiting = made.run(1, 'a look', 500);
  await assert.rejects(waiting, { code: 'HUNG', message: /within 500 ms/ });
  assert.equal(started.length, 2);
  const next = made.run(2, 'a look', timeoutMs);
  release();
  assert.equal(await next, 2);
  await Promise.all(held);
  await made.close();
});

test('what waits when a pool is closed fails at once', async () => {
  const { made, release } = pool();
  const held = made.run('hang', 'a look', timeoutMs);
  const waiting = made.run(1, 'a look', timeoutMs);
  const failures = [held, waiting].map((call) => assert.rejects(call, { code: 'CLOSED' }));
  await made.close();
  await Promise.all(failures);
  release();
});
