/** Whom a peer dials, on a clock that the tests turn. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Dialer } from '../../../../src/swarm/finding/dialer.ts';
import { Hearsay } from '../../../../src/swarm/finding/hearsay.ts';

/** A dialer of which all dials fail but those of honest peers. */
function rig(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  const dials: string[] = [];
  const logged: string[] = [];
  const dialer = new Dialer({
    ownId: 'a',
    nowMs: () => nowMs,
    dial: (_addresses, id = '') => {
      dials.push(id);
      return id.startsWith('honest') ? Promise.resolve(id) : Promise.reject(new Error('nobody is there'));
    },
    isConnected: () => false,
    onFailed: (target) => logged.push(target),
    hearsay: new Hearsay(
      () => nowMs,
      (_level, message) => logged.push(message),
    ),
  });
  t.after(() => dialer.stop());
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    t.mock.timers.tick(ms);
    await turn();
  };
  return { dialer, dials, logged, pass };
}

const address = ['/ip4/10.0.0.9/tcp/9'];

test('300 invented peers a second for seventy seconds: few are dialled, and a line a minute is logged', async (t) => {
  const { dialer, dials, logged, pass } = rig(t);
  for (let half = 0; half < 140; half += 1) {
    for (let n = 0; n < 150; n += 1) dialer.found(`peer-${half}-${n}`, address, true);
    await pass(500);
  }
  assert.ok(dials.length > 100 && dials.length <= 16 + 2 * 70, `${dials.length} dials`);
  assert.ok(logged.length >= 1 && logged.length <= 3, `${logged.length} lines`);
});

test('a peer that somebody believable speaks of is dialled beside them, and told of by its name', async (t) => {
  const { dialer, dials, logged, pass } = rig(t);
  for (let n = 0; n < 2_000; n += 1) dialer.found(`peer-${n}`, address, true);
  for (let n = 0; n < 100; n += 1) await pass(100);
  dialer.found('peer-1', address);
  dialer.found('wanted', address);
  dials.length = 0;
  for (let n = 0; n < 20; n += 1) await pass(100);
  assert.ok(dials.includes('wanted'));
  assert.ok(logged.includes('wanted'));
});

test('peers that are there are dialled at once, however many are heard of', async (t) => {
  const { dialer, dials, pass } = rig(t);
  for (let n = 0; n < 200; n += 1) dialer.found(`honest-${n}`, address, true);
  for (let n = 0; n < 100; n += 1) await pass(10);
  assert.equal(new Set(dials).size, 200);
});

test('thousands that may not be dialled are looked at once a second, all together', async (t) => {
  const { dialer, pass } = rig(t);
  for (let n = 0; n < 250; n += 1) {
    dialer.found(`peer-${n}`, address, true);
    await pass(7);
  }
  const set = t.mock.method(globalThis, 'setTimeout');
  for (let ms = 0; ms < 2_000; ms += 5) await pass(5);
  const timers = set.mock.callCount();
  assert.ok(timers > 0 && timers < 40, `${timers} timers in two seconds`);
});

test('a peer that was lost for long is dialled within seconds of its answer, and no oftener however often it is spoken of', async (t) => {
  const { dialer, dials, pass } = rig(t);
  dialer.connected('lost', address, true);
  await pass(20_000);
  dialer.gone('lost', true);
  for (let n = 0; n < 3_000; n += 1) await pass(100);
  dials.length = 0;
  for (let n = 0; n < 40; n += 1) {
    await pass(100);
    dialer.found('lost', address, true, true);
  }
  assert.ok(dials.length > 0, 'it was not dialled in four seconds');
  for (let n = 0; n < 260; n += 1) {
    await pass(100);
    dialer.found('lost', address, true, true);
  }
  assert.ok(dials.length <= 11, `${dials.length} dials in half a minute`);
});
