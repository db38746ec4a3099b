/** What keeps a machine from something is asked again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { LastingObstacle } from '../../../../../src/peer/serve/served/lasting-obstacle.ts';
import { FakeClock } from '../../../../rig/fake-clock.ts';

function obstacleOf(answers: readonly (string | Error | undefined)[]) {
  const clock = new FakeClock();
  const changes: string[] = [];
  let asked = 0;
  const obstacle = new LastingObstacle({
    ask: async () => {
      const answer = answers[asked++];
      if (answer instanceof Error) throw answer;
      return await Promise.resolve(answer);
    },
    onChange: (now, before) => changes.push(`${before} -> ${now}`),
    startTimer: clock.startTimer,
  });
  /** Asked within this time, by minutes. */
  const pass = async (minutes: number): Promise<number> => {
    const before = asked;
    for (let minute = 0; minute < minutes; minute += 1) {
      clock.pass(60_000);
      for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    }
    return asked - before;
  };
  return { obstacle, changes, pass };
}

test('an obstacle is asked about each minute until it is gone, and a change is told once', async () => {
  const { obstacle, changes, pass } = obstacleOf(['late', 'late', new Error('EMFILE'), undefined]);
  await obstacle.start();
  assert.equal(obstacle.why, 'late');
  assert.equal(await pass(1), 1);
  assert.deepEqual(changes, ['undefined -> late']);
  await pass(1);
  assert.equal(obstacle.why, 'Error: EMFILE');
  await pass(1);
  assert.equal(obstacle.why, undefined);
  assert.deepEqual(changes, ['undefined -> late', 'late -> Error: EMFILE', 'Error: EMFILE -> undefined']);
  assert.equal(await pass(10), 0);
});

test('where nothing is in the way nothing is asked again, nor once it was stopped', async () => {
  const free = obstacleOf([undefined]);
  await free.obstacle.start();
  assert.equal(await free.pass(3), 0);
  const stopped = obstacleOf(['late', undefined]);
  await stopped.obstacle.start();
  await stopped.obstacle.stop();
  assert.equal(await stopped.pass(3), 0);
  assert.equal(stopped.obstacle.why, 'late');
});
