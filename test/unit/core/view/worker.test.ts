import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absent, type Fact } from '../../../../src/core/fact.ts';
import { factFields, type ViewOffer } from '../../../../src/core/view/contract.ts';
import { ReadLog } from '../../../../src/core/view/read-log.ts';
import { continueOffer, type OfferAction, takeOffer } from '../../../../src/core/view/worker.ts';

const fact: Fact = { kind: 'file', inode: '1', sizeBytes: 5, mtimeNs: '1000000000', ctimeNs: '1000000000' };
const older: Fact = { ...fact, mtimeNs: '900000000' };
const offer: ViewOffer = {
  refresh: ['/s', '/s/src'],
  files: [{ path: '/s/src/a.c', fact }],
  fields: factFields,
  knownReports: 0,
};

test('an offer is refreshed first, then compared, then ready', () => {
  const [refreshing, refresh] = takeOffer('/s', offer);
  assert.deepEqual(refresh, { type: 'refresh', directories: ['/s', '/s/src'] });
  const [looking, look] = continueOffer(refreshing, { type: 'refreshed', unopened: [] }, 0);
  assert.deepEqual(look, { type: 'look', paths: ['/s/src/a.c'] });
  const [, answer] = continueOffer(looking, { type: 'looked', facts: offer.files }, 0);
  assert.deepEqual(answer, { type: 'answer', answer: { kind: 'ready' } });
});

/** Plays the machine below the state machine until it answers. @param unopened - by refresh, from 0 on. */
function play(played: ViewOffer, files: ViewOffer['files'], unopened: (refresh: number) => string[]) {
  let nowMs = 0;
  let refreshes = 0;
  let [state, action]: ReturnType<typeof takeOffer> = takeOffer('/s', played);
  while (action.type !== 'answer') {
    const current: OfferAction = action;
    if (current.type === 'wait') {
      nowMs = current.untilMs;
      [state, action] = continueOffer(state, { type: 'woken' }, nowMs);
    } else if (current.type === 'refresh') {
      assert.deepEqual(current.directories, ['/s', '/s/src']);
      [state, action] = continueOffer(state, { type: 'refreshed', unopened: unopened(refreshes++) }, nowMs);
    } else [state, action] = continueOffer(state, { type: 'looked', facts: files }, nowMs);
  }
  return { answer: action.answer, refreshes, nowMs };
}

test('a file that differs is refreshed from the root and looked at again, four times within 250 ms, then refused', () => {
  const files = [{ path: '/s/src/a.c', fact: older }];
  const { answer, refreshes, nowMs } = play({ ...offer, refresh: [] }, files, () => []);
  assert.deepEqual(answer, { kind: 'stale', files });
  assert.equal(refreshes, 4);
  assert.ok(nowMs > 200 && nowMs <= 250, `${nowMs} ms`);
});

test('a directory that cannot be opened is refused like a file that differs, and found when it turns up', () => {
  const answerTo = (missingFor: number, files: typeof offer.files) =>
    play({ ...offer, files }, files, (refresh) => (refresh < missingFor ? ['/s/src'] : [])).answer;
  for (const files of [[], offer.files]) {
    assert.deepEqual(answerTo(2, files), { kind: 'ready' });
    assert.deepEqual(answerTo(99, files), { kind: 'stale', files: [{ path: '/s/src', fact: absent }] });
  }
});

test('an offer that names nothing is ready at once', () => {
  const [, action] = takeOffer('/s', { ...offer, refresh: [], files: [] });
  assert.deepEqual(action, { type: 'answer', answer: { kind: 'ready' } });
});

test('a report names by number what the submitter has, and adds what changed', () => {
  const log = new ReadLog();
  const a = { path: '/s/a.h', fact };
  const b = { path: '/s/b.h', fact };
  assert.deepEqual(log.report([a, b], 0), {
    read: [0, 1],
    added: [
      { number: 0, ...a },
      { number: 1, ...b },
    ],
  });
  assert.deepEqual(log.report([a, b], 2), { read: [0, 1], added: [] });
  const changed = { path: '/s/a.h', fact: older };
  assert.deepEqual(log.report([changed, b], 2), { read: [1, 2], added: [{ number: 2, ...changed }] });
});
