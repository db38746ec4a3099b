import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../rig/fake-clock.ts';

test('timers ring in their order, each at its time, and not when they were cancelled', () => {
  const clock = new FakeClock();
  const rung: string[] = [];
  const note = (name: string) => () => rung.push(`${name} at ${clock.now()}`);
  clock.startTimer(20, note('second'));
  const cancel = clock.startTimer(5, note('cancelled'));
  clock.startTimer(10, () => {
    note('first')();
    cancelLate();
  });
  const cancelLate = clock.startTimer(15, note('cancelled by another'));
  cancel();
  clock.pass(19);
  assert.deepEqual(rung, ['first at 10']);
  clock.pass(1);
  assert.deepEqual(rung, ['first at 10', 'second at 20']);
});
