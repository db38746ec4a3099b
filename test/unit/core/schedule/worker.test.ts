import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerAction, WorkerEvent } from '../../../../src/core/schedule/contract.ts';
import {
  createWorker,
  inlineSlots,
  queued,
  reportFigures,
  running,
  work,
} from '../../../../src/core/schedule/worker.ts';

const GiB = 2 ** 30;

function rig(slots: number) {
  let state = createWorker({ slots });
  let nowMs = 0;
  const rig = {
    get state() {
      return state;
    },
    send(event: WorkerEvent): WorkerAction[] {
      const [next, actions] = work(state, event, nowMs);
      state = next;
      return actions.filter((action) => action.type !== 'changed' && action.type !== 'wake');
    },
    /** The types of the answers to an offer, or the code of the refusal. */
    offer(peer: string, job: number, memoryBytes = 0): string[] {
      const actions = rig.send({ type: 'offer', peer, job, attempt: 1, memoryBytes });
      return actions.map((action) => (action.type === 'refuse' ? action.code : action.type));
    },
    end(peer: string, job: number) {
      return rig.send({ type: 'ended', peer, job, maxRssBytes: 0 });
    },
    pass(ms: number) {
      nowMs += ms;
      return rig.send({ type: 'tick' });
    },
  };
  return rig;
}

test('a job starts where a slot is free, else it waits in the small queue, else it is refused', () => {
  const r = rig(4);
  for (const job of [1, 2, 3, 4]) assert.deepEqual(r.offer('a', job), ['accept', 'start']);
  for (const job of [5, 6]) assert.deepEqual(r.offer('a', job), ['accept']);
  assert.deepEqual(r.offer('a', 7), ['busy']);
  assert.deepEqual([running(r.state), queued(r.state)], [4, 2]);
});

test('the next of the queue starts when a job ends', () => {
  const r = rig(1);
  r.offer('a', 1);
  r.offer('a', 2);
  assert.deepEqual(r.end('a', 1), [{ type: 'start', peer: 'a', job: 2, attempt: 1 }]);
});

test('who was refused is told of a free slot, the longest waiting first, and nobody else gets it', () => {
  const r = rig(1);
  r.offer('a', 1);
  r.offer('a', 2);
  assert.deepEqual(r.offer('b', 1), ['busy']);
  assert.deepEqual(r.offer('c', 1), ['busy']);
  const actions = r.end('a', 1);
  assert.deepEqual(actions.at(-1), { type: 'free', peer: 'b' });
  assert.equal(reportFigures(r.state).queued, 1, 'a kept place shows as taken');
  assert.deepEqual(r.offer('a', 3), ['busy'], 'the place is kept for b');
  assert.deepEqual(r.offer('b', 1), ['accept']);
  assert.deepEqual(r.end('a', 2).at(-1), { type: 'free', peer: 'c' });
});

test('a kept slot is free for all after a moment', () => {
  const r = rig(1);
  r.offer('a', 1);
  r.offer('a', 2);
  r.offer('b', 1);
  r.end('a', 1);
  assert.deepEqual(r.offer('a', 3), ['busy']);
  r.pass(100);
  assert.deepEqual(r.offer('a', 3), ['accept'], 'it was kept for a in turn');
});

test('a submitter that wants nothing more gives its kept slot to the next', () => {
  const r = rig(1);
  r.offer('a', 1);
  r.offer('a', 2);
  r.offer('b', 1);
  r.offer('c', 1);
  r.end('a', 1);
  assert.deepEqual(r.send({ type: 'want', peer: 'b', jobs: 0 }), [{ type: 'free', peer: 'c' }]);
});

test('two submitters that want more than there is get slots in turn', () => {
  const r = rig(2);
  for (const job of [1, 2, 3]) r.offer('a', job);
  r.send({ type: 'want', peer: 'a', jobs: 10 });
  r.send({ type: 'want', peer: 'b', jobs: 10 });
  const told: string[] = [];
  for (let n = 0; n < 6; n += 1) {
    const [next] = r.state.jobs.values();
    assert.ok(next);
    for (const action of r.end(next.peer, next.job)) {
      if (action.type !== 'free') continue;
      told.push(action.peer);
      assert.deepEqual(r.offer(action.peer, 100 + n), ['accept']);
    }
  }
  assert.deepEqual(told, ['a', 'b', 'a', 'b', 'a', 'b']);
});

test('a job that has not started is given back when recalled; a started one is not', () => {
  const r = rig(1);
  r.offer('a', 1);
  r.offer('a', 2);
  assert.deepEqual(r.send({ type: 'recall', peer: 'a', job: 1 }), []);
  assert.deepEqual(r.send({ type: 'recall', peer: 'a', job: 2 }), [
    { type: 'return', peer: 'a', job: 2, attempt: 1 },
  ]);
  assert.equal(queued(r.state), 0);
});

test('a cancelled job is forgotten in the queue, and killed where it runs; its slot is free when it is gone', () => {
  const r = rig(1);
  r.offer('a', 1);
  r.offer('a', 2);
  assert.deepEqual(r.send({ type: 'cancelled', peer: 'a', job: 2 }), []);
  assert.deepEqual(r.send({ type: 'cancelled', peer: 'a', job: 1 }), [{ type: 'kill', peer: 'a', job: 1 }]);
  assert.deepEqual(r.send({ type: 'cancelled', peer: 'a', job: 1 }), [], 'killed once');
  assert.equal(running(r.state), 1);
  r.end('a', 1);
  assert.deepEqual([running(r.state), queued(r.state), r.state.jobs.size], [0, 0, 0]);
});

test('a lost submitter leaves nothing behind', () => {
  const r = rig(1);
  for (const job of [1, 2, 3]) r.offer('a', job);
  assert.deepEqual(r.send({ type: 'peer-down', peer: 'a' }), [{ type: 'kill', peer: 'a', job: 1 }]);
  r.end('a', 1);
  assert.deepEqual([r.state.jobs.size, r.state.line.waiters.size, r.state.line.reservations.size], [0, 0, 0]);
});

test('the load of other people takes slots away, and all of them means that the owner is active', () => {
  const r = rig(4);
  r.send({ type: 'machine', load: 2.2, memoryFreeBytes: 8 * GiB });
  assert.equal(reportFigures(r.state).slots, 2);
  for (const job of [1, 2]) assert.deepEqual(r.offer('a', job), ['accept', 'start']);
  r.send({ type: 'machine', load: 4, memoryFreeBytes: 8 * GiB });
  assert.deepEqual(r.offer('a', 3), ['owner-active']);
  assert.deepEqual(reportFigures(r.state).reasons, ['owner-active']);
  assert.equal(inlineSlots(r.state), 0);
  r.end('a', 1);
  r.end('a', 2);
  assert.equal(inlineSlots(r.state), 1, "the owner's own build goes on");
});

test('memory that accepted jobs may still need is not given twice', () => {
  const r = rig(8);
  r.send({ type: 'machine', load: 0, memoryFreeBytes: 8 * GiB });
  assert.deepEqual(r.offer('a', 1, 4 * GiB), ['accept', 'start']);
  assert.deepEqual(r.offer('a', 2, 4 * GiB), ['memory']);
  assert.deepEqual(r.offer('a', 2, 3 * GiB), ['accept', 'start']);
  r.pass(10_000);
  r.send({ type: 'machine', load: 0, memoryFreeBytes: 5 * GiB });
  assert.deepEqual(r.offer('a', 3, 4 * GiB), ['accept', 'start'], 'what has grown is in the measured figure');
});

test('inline jobs of this machine hold slots, and those that wait go before the queue of others', () => {
  const r = rig(2);
  r.send({ type: 'inline', running: 1 });
  r.offer('a', 1);
  assert.deepEqual(r.offer('a', 2), ['accept']);
  r.send({ type: 'inline', running: 1, waiting: 1 });
  assert.deepEqual(r.end('a', 1), []);
  assert.equal(inlineSlots(r.state), 2);
  assert.deepEqual(r.send({ type: 'inline', running: 1, waiting: 0 }), [
    { type: 'start', peer: 'a', job: 2, attempt: 1 },
  ]);
});

test('a worker that leaves gives its queue back and takes nothing new', () => {
  const r = rig(1);
  r.offer('a', 1);
  r.offer('a', 2);
  assert.deepEqual(r.send({ type: 'leaving' }), [{ type: 'return', peer: 'a', job: 2, attempt: 1 }]);
  assert.deepEqual(r.offer('a', 3), ['leaving']);
  assert.equal(reportFigures(r.state).state, 'refusing');
});

test('a slot that goes from an inline job to a job of another peer is told, though as many run and wait as before', () => {
  let state = createWorker({ slots: 1 });
  const send = (event: WorkerEvent): string[] => {
    const [next, actions] = work(state, event, 0);
    state = next;
    return actions.map(({ type }) => type);
  };
  send({ type: 'inline', running: 1 });
  send({ type: 'offer', peer: 'a', job: 1, attempt: 1, memoryBytes: 0 });
  send({ type: 'want', peer: 'b', jobs: 1 });
  const figures = reportFigures(state);
  // Its place in the queue is kept for the other submitter.
  assert.deepEqual(send({ type: 'inline', running: 0 }).slice(0, 3), ['start', 'free', 'changed']);
  assert.deepEqual(reportFigures(state), figures);
  assert.equal(inlineSlots(state), 0);
});
