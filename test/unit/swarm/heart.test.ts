import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heart } from '../../../src/swarm/heart.ts';

test('small jobs, one after the other, neither put the tick off nor send a beat each', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let [ticks, beats] = [0, 0];
  const heart = new Heart({
    nowMs: Date.now,
    settings: undefined,
    log: () => undefined,
    sendBeat: () => {
      beats += 1;
    },
    onSuspect: () => assert.fail('suspect'),
    onWell: () => undefined,
    onLost: () => assert.fail('lost'),
    onTick: () => {
      ticks += 1;
    },
  });
  heart.start();
  heart.add('p');
  for (let job = 0; job < 2_000; job += 1) {
    heart.watch('p', true);
    t.mock.timers.tick(3);
    heart.heard('p');
    heart.watch('p', false);
    t.mock.timers.tick(2);
  }
  heart.stop();
  assert.ok(ticks >= 10, `${ticks} ticks in ten seconds`);
  assert.ok(beats >= 2 && beats <= 12, `${beats} beats in ten seconds`);
});
