/** The first job waits for peers that are connected and not yet trusted, once and not for long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FirstWait } from '../../../../src/peer/trust/first-wait.ts';

/** Its clock stands still unless it is moved: a busy machine is not to end the wait. */
class Scene {
  neighbours: string[] = ['a', 'b'];
  nowMs = 5_000;
  readonly #timers = new Set<{ readonly atMs: number; readonly action: () => void }>();
  readonly usable = new Set<string>();
  readonly wait = new FirstWait({
    now: () => this.nowMs,
    neighbours: () => this.neighbours,
    isUsable: (peer, root) => this.usable.has(`${peer}${root}`),
    startTimer: (afterMs, action) => {
      const timer = { atMs: this.nowMs + afterMs, action };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
  });
  settled = 0;

  async begin(root: string): Promise<void> {
    void this.wait.settled(root).then(() => {
      this.settled += 1;
    });
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  }

  get timers(): number {
    return this.#timers.size;
  }

  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    for (const timer of this.#timers) {
      if (timer.atMs > this.nowMs) continue;
      this.#timers.delete(timer);
      timer.action();
    }
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  }

  async wake(): Promise<void> {
    this.wait.wake();
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  }
}

test('it waits for all that are connected, for each share once', async () => {
  const scene = new Scene();
  await scene.begin('/x');
  scene.usable.add('a/x');
  await scene.wake();
  assert.equal(scene.settled, 0, 'b is still to come');
  scene.usable.add('b/x');
  await scene.wake();
  assert.equal(scene.settled, 1);
  scene.neighbours.push('c');
  await scene.begin('/x');
  assert.equal(scene.settled, 2, 'who comes later is not waited for');
  await scene.begin('');
  assert.equal(scene.settled, 2, 'without a share it is another wait');
  scene.neighbours = [];
  await scene.wake();
  assert.equal(scene.settled, 3, 'who is gone is not waited for');
});

test('it does not wait for long', async () => {
  const scene = new Scene();
  await scene.begin('/x');
  await scene.pass(399);
  assert.equal(scene.settled, 0);
  await scene.pass(1);
  assert.equal(scene.settled, 1);
  assert.equal(scene.timers, 0, 'and no timer is left');
});
