/** Barriers of a served tree, and what is believed of a job that ran in it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ShownTreeAction, ShownTreeEvent, TreeChange } from '../../../../src/core/tree/contract.ts';
import {
  createShownTree,
  findFolded,
  findRewritten,
  isLedElsewhere,
  judgeReads,
  type ShownTreeLimits,
  showTree,
} from '../../../../src/core/tree/shown-tree.ts';

function begin(limits: Partial<ShownTreeLimits> = {}) {
  const state = createShownTree(limits);
  const step = (event: ShownTreeEvent): readonly ShownTreeAction[] => showTree(state, event)[1];
  const change = (path: string, kind: TreeChange['kind'] = 'node'): TreeChange => ({
    kind,
    directory: path.slice(0, path.lastIndexOf('/')),
    name: path.slice(path.lastIndexOf('/') + 1),
  });
  const drained = (generation: number, changes: readonly TreeChange[], everything = false) => {
    step({ type: 'barrier-wanted', ticket: generation });
    return step({ type: 'drained', parts: [{ generation, everything, changes }] });
  };
  const judged = (generation: number, isOwn: (path: string) => boolean = () => false) =>
    judgeReads(state, { session: 1, generation, isOwn });
  step({ type: 'opened', session: 1 });
  return { state, step, change, drained, judged };
}

test('what is wanted during a barrier waits for the next one, all of it for the same', () => {
  const { step } = begin();
  assert.deepEqual(step({ type: 'barrier-wanted', ticket: 1 }), [{ type: 'drain', compare: [] }]);
  assert.deepEqual(step({ type: 'barrier-wanted', ticket: 2 }), []);
  assert.deepEqual(step({ type: 'barrier-wanted', ticket: 3 }), []);
  const parts = [{ generation: 4, everything: false, changes: [] }];
  assert.deepEqual(step({ type: 'drained', parts }), [
    { type: 'tell', sessions: [1] },
    { type: 'passed', tickets: [1], generation: 4 },
    { type: 'drain', compare: [] },
  ]);
  assert.deepEqual(step({ type: 'drain-failed', why: 'gone' }), [
    { type: 'failed', tickets: [2, 3], why: 'gone' },
  ]);
});

test('whoever has the tree is told what has changed, until its session is over', () => {
  const { step, drained, change } = begin();
  const told = (actions: readonly ShownTreeAction[]) =>
    actions.flatMap((action) => (action.type === 'tell' ? action.sessions : []));
  for (const session of [2, 3]) step({ type: 'opened', session });
  assert.deepEqual(told(drained(1, [change('/a/b')])), [1, 2, 3]);
  step({ type: 'over', session: 2 });
  assert.deepEqual(told(drained(2, [change('/a/b')])), [1, 3]);
  assert.deepEqual(told(drained(2, [])), [], 'nothing has');
});

test('directories whose changes raise no event are looked at again at each barrier, until there are too many', () => {
  const { step } = begin({ mostEventless: 2 });
  step({ type: 'listed', path: '/nfs/a', eventless: true });
  step({ type: 'listed', path: '/nfs/b', eventless: true });
  step({ type: 'listed', path: '/nfs/b', eventless: false });
  step({ type: 'listed', path: '/home/c', eventless: false });
  assert.deepEqual(step({ type: 'barrier-wanted', ticket: 1 }), [{ type: 'drain', compare: ['/nfs/a'] }]);
  step({ type: 'drain-failed', why: 'gone' });
  for (const path of ['/nfs/c', '/nfs/d']) step({ type: 'listed', path, eventless: true });
  const [action] = step({ type: 'barrier-wanted', ticket: 2 });
  assert.equal(action?.type, 'failed');
});

test('a job is believed if nothing that its worker was given has changed since it was offered', () => {
  const { step, change, drained, judged } = begin();
  step({ type: 'given', session: 1, path: '/s/d/a.h' });
  drained(2, [change('/s/d/a.h')]);
  drained(3, [change('/s/d/b.h'), change('/s/d'), change('/s/e', 'name')]);
  assert.deepEqual(judged(2), { kind: 'kept' });
  assert.deepEqual(judged(1), { kind: 'changed', path: '/s/d/a.h' });
  assert.deepEqual(
    judged(1, (path) => path === '/s/d/a.h'),
    { kind: 'kept' },
  );
});

test('a directory that is another now takes all below with it', () => {
  const { step, change, drained, judged } = begin();
  step({ type: 'given', session: 1, path: '/s/d/sub/a.h' });
  drained(2, [change('/s/d', 'name')]);
  assert.deepEqual(judged(1), { kind: 'changed', path: '/s/d' });
  drained(3, [change('/s/d')]);
  assert.deepEqual(judged(2), { kind: 'kept' });
});

test('files of the system count as given: they are known by their hashes', () => {
  const { change, drained, judged } = begin();
  drained(2, [change('/usr/include/stdio.h', 'name')]);
  assert.deepEqual(judged(1), { kind: 'changed', path: '/usr/include/stdio.h' });
});

test('nothing is believed where what changed is not known, or what the worker had', () => {
  const lossy = begin();
  lossy.drained(2, [], true);
  assert.equal(lossy.judged(1).kind, 'unknown');
  assert.equal(lossy.judged(2).kind, 'kept');

  const small = begin({ mostChanges: 2 });
  small.drained(2, [small.change('/s/a'), small.change('/s/b')]);
  small.drained(3, [small.change('/s/c')]);
  assert.deepEqual(
    [small.state.log.size, small.judged(1).kind, small.judged(2).kind],
    [2, 'unknown', 'kept'],
  );

  const over = begin();
  over.step({ type: 'over', session: 1 });
  // Another mount on the same worker knows nothing of what the job had.
  over.step({ type: 'opened', session: 2 });
  assert.equal(over.judged(0).kind, 'unknown');
});

test('a worker that was given very much is taken to have all', () => {
  const { step, change, drained, judged } = begin({ mostGiven: 1 });
  step({ type: 'given', session: 1, path: '/s/a' });
  step({ type: 'given', session: 1, path: '/s/b' });
  drained(2, [change('/s/b')]);
  assert.deepEqual(judged(1), { kind: 'changed', path: '/s/b' });
});

test('what a job would replace must be as it was offered', () => {
  const { state, change, drained } = begin();
  drained(2, [change('/s/out/a.o', 'name'), change('/s/old/x/y')]);
  const one = (path: string, withAll = false) => [{ path, withAll }];
  assert.equal(findRewritten(state, 1, one('/s/out/a.o')), '/s/out/a.o');
  assert.equal(findRewritten(state, 2, one('/s/out/a.o')), undefined);
  assert.equal(findRewritten(state, 1, one('/s/out/b.o')), undefined);
  assert.equal(findRewritten(state, 1, one('/s/old')), undefined);
  assert.equal(findRewritten(state, 1, one('/s/old', true)), '/s/old');
});

test('what is below a directory that is another one now is not what the job could see there', () => {
  const { state, change, drained } = begin();
  drained(2, [change('/s/out', 'name'), change('/s/src', 'node'), change('/s/a.o', 'name')]);
  const elsewhere = (generation: number, path: string) => isLedElsewhere(state, generation, path);
  assert.equal(elsewhere(1, '/s/out/deep/a.o'), true);
  assert.equal(elsewhere(2, '/s/out/deep/a.o'), false, 'it was offered later');
  assert.equal(elsewhere(1, '/s/src/a.o'), false, 'what is in it changed, and not what it is');
  assert.equal(elsewhere(1, '/s/a.o'), false, 'a change of its own name is another case');
});

test('what lies in a directory that finds names by other letters is found, and nothing else', () => {
  const { state, step } = begin();
  step({ type: 'listed', path: '/fat', eventless: true, folded: true });
  step({ type: 'listed', path: '/home', eventless: false, folded: false });
  assert.equal(findFolded(state, ['/home/a', '/fat', '/fat/b/c', '/fat/b']), '/fat');
  assert.equal(findFolded(state, ['/home/a', '/fat', '/fat/b/c']), undefined);
});
