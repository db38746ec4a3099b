import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pulse, type PulseAction } from '../../../src/swarm/pulse.ts';

/** Ticks on time from `fromMs` to `toMs`; what was to be done, with its time. */
function run(pulse: Pulse, fromMs: number, toMs: number): (PulseAction & { readonly atMs: number })[] {
  const done: (PulseAction & { readonly atMs: number })[] = [];
  for (let atMs = fromMs + pulse.intervalMs; atMs <= toMs; atMs += pulse.intervalMs) {
    done.push(...pulse.tick(atMs, atMs).map((action) => ({ ...action, atMs })));
  }
  return done;
}

test('a peer that is not watched gets a beat in fifteen seconds, and none while it is heard', () => {
  const pulse = new Pulse();
  assert.deepEqual(pulse.add('p', 0), [{ kind: 'beat', id: 'p', beat: 1 }]);
  assert.deepEqual(
    run(pulse, 0, 30_000).map(({ kind, atMs }) => [kind, atMs]),
    [
      ['beat', 15_000],
      ['beat', 30_000],
    ],
  );
  for (let atMs = 31_000; atMs < 60_000; atMs += 1000) {
    pulse.heard('p', atMs);
    assert.deepEqual(pulse.tick(atMs, atMs), []);
  }
});

test('a silent peer that is watched is suspect before three seconds and lost after eight', () => {
  const pulse = new Pulse();
  pulse.add('p', 0);
  assert.deepEqual(pulse.watch('p', true, 0), []);
  const done = run(pulse, 0, 9000);
  const suspect = done.filter(({ kind }) => kind === 'suspect');
  assert.equal(suspect.length, 1);
  assert.ok((suspect[0]?.atMs ?? 0) <= 2750);
  assert.ok(done.filter(({ kind }) => kind === 'beat').length >= 7);
  assert.equal(done.find(({ kind }) => kind === 'lost')?.atMs, 8250);
  assert.equal(pulse.heard('p', 9000), true);
  assert.equal(pulse.heard('p', 9001), false);
});

test('a silent peer that is not watched is lost after forty seconds and never suspect', () => {
  const pulse = new Pulse();
  pulse.add('p', 0);
  const done = run(pulse, 0, 42_000);
  assert.equal(done.find(({ kind }) => kind === 'lost')?.atMs, 41_000);
  assert.ok(done.every(({ kind }) => kind !== 'suspect'));
});

test('a peer that was suspect when its jobs went elsewhere is lost, or well, as soon as one that is watched', () => {
  const pulse = new Pulse();
  pulse.add('p', 0);
  pulse.watch('p', true, 0);
  assert.ok(run(pulse, 0, 3000).some(({ kind }) => kind === 'suspect'));
  pulse.watch('p', false, 3000);
  const done = run(pulse, 3000, 12_000);
  assert.ok(done.filter(({ kind }) => kind === 'beat').length >= 5);
  assert.equal(done.find(({ kind }) => kind === 'lost')?.atMs, 9000);
  pulse.heard('p', 9000);
  assert.ok(
    run(pulse, 9000, 40_000).every(({ kind }) => kind === 'beat'),
    'it has the time of others again',
  );
});

test('all who are asked answer within seconds, or are suspect and lost as those who are watched', () => {
  const pulse = new Pulse();
  pulse.add('p', 0);
  pulse.add('q', 0);
  run(pulse, 0, 14_000);
  assert.deepEqual(
    pulse.askAll(14_000).map(({ kind, id }) => [kind, id]),
    [
      ['beat', 'p'],
      ['beat', 'q'],
    ],
  );
  pulse.heard('q', 14_100);
  const done = run(pulse, 14_000, 30_000);
  const told = done.filter(({ kind }) => kind !== 'beat').map(({ kind, id, atMs }) => [kind, id, atMs]);
  assert.deepEqual(told.slice(0, 2), [
    ['suspect', 'p', 17_000],
    ['lost', 'p', 23_000],
  ]);
  assert.ok(told.every(([, id]) => id === 'p'));
});

test('to be watched begins a new silence: what was not heard before does not count', () => {
  const pulse = new Pulse();
  pulse.add('p', 0);
  run(pulse, 0, 9000);
  pulse.watch('p', true, 9000);
  assert.ok(run(pulse, 9000, 11_250).every(({ kind }) => kind === 'beat'));
});

test('to be watched is told by a beat at once, but no more than a second is told for small jobs', () => {
  const pulse = new Pulse();
  pulse.add('p', 0);
  assert.deepEqual(pulse.watch('p', true, 9000), [{ kind: 'beat', id: 'p', beat: 2 }]);
  let beats = 0;
  for (let atMs = 9001; atMs < 19_000; atMs += 1) {
    beats += pulse.watch('p', atMs % 5 === 0, atMs).length;
    if (atMs % 250 === 0) beats += pulse.tick(atMs, atMs).length;
  }
  assert.ok(beats >= 5 && beats <= 12, `${beats} beats in ten seconds`);
});

test('while our own event loop stands still nobody is silent, and we are slower to judge afterwards', () => {
  const pulse = new Pulse();
  pulse.add('p', 0);
  pulse.watch('p', true, 0);
  assert.ok(pulse.tick(30_000, 250).every(({ kind }) => kind === 'beat'));
  assert.equal(pulse.stretch, 2);
  assert.ok(run(pulse, 30_000, 34_000).every(({ kind }) => kind === 'beat'));
  run(pulse, 34_000, 70_000);
  assert.equal(pulse.stretch, 1);
});

test('after one long stall whoever falls silent is noticed after twice the time, after many much later', () => {
  const suspectAfterMs = (stalls: number): number => {
    const pulse = new Pulse();
    pulse.add('p', 0);
    pulse.watch('p', true, 0);
    let atMs = 0;
    for (let stall = 0; stall < stalls; stall += 1) {
      atMs += 4000;
      pulse.tick(atMs, atMs - 3750);
    }
    pulse.heard('p', atMs);
    const suspect = run(pulse, atMs, atMs + 30_000).find(({ kind }) => kind === 'suspect');
    return (suspect?.atMs ?? Number.POSITIVE_INFINITY) - atMs;
  };
  assert.equal(suspectAfterMs(0), 2750);
  assert.equal(suspectAfterMs(1), 5250);
  assert.ok(suspectAfterMs(20) > 12_000, `${suspectAfterMs(20)}`);
});

test('the round trip is that of answered beats, smoothed', () => {
  const pulse = new Pulse();
  pulse.add('p', 0);
  pulse.acknowledged('p', 7, 5);
  assert.equal(pulse.get('p')?.rttMs, 0);
  pulse.acknowledged('p', 1, 8);
  pulse.acknowledged('p', 1, 500);
  assert.equal(pulse.get('p')?.rttMs, 8);
  pulse.tick(15_000, 15_000);
  pulse.acknowledged('p', 2, 15_016);
  assert.equal(pulse.get('p')?.rttMs, 9);
});
