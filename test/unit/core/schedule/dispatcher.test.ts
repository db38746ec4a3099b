import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DispatcherAction, DispatcherEvent, JobDemand } from '../../../../src/core/schedule/contract.ts';
import {
  createDispatcher,
  dispatch,
  doneByPeer,
  inlineSlotsHeld,
  inlineWaiting,
  jobCounts,
} from '../../../../src/core/schedule/dispatcher.ts';
import { offerDeadlineMs } from '../../../../src/core/schedule/placement.ts';
import { fenceMs } from '../../../../src/core/schedule/routing.ts';
import { report } from '../../../rig/load-report.ts';
import { plainDemand } from '../../../rig/plain-demand.ts';

/** A dispatcher with a clock, that keeps every action; `own` slots default to none. */
function rig(ownSlots = 0, seed = 1) {
  let state = createDispatcher({ seed, ownSlots });
  let nowMs = 0;
  const rig = {
    get state() {
      return state;
    },
    send(event: DispatcherEvent): DispatcherAction[] {
      const [next, actions] = dispatch(state, event, nowMs);
      state = next;
      return actions.filter((action) => action.type !== 'wake');
    },
    job(job: number, extra: Partial<JobDemand> = {}) {
      return rig.send({ type: 'job', demand: plainDemand(job, extra) });
    },
    up(id: string, slots = 4) {
      return rig.send({ type: 'peer-up', report: report(id, { slots }) });
    },
    accept(job: number, peer: string, figures = {}, attempt = 1) {
      rig.send({ type: 'accepted', job, attempt, report: report(peer, figures) });
      return rig.send({ type: 'started', job, attempt });
    },
    end(job: number, peer: string, figures = {}, attempt = 1, status = 0) {
      const ending = { kind: 'exited', status } as const;
      return rig.send({ type: 'ended', job, attempt, ending, believed: true, report: report(peer, figures) });
    },
    pass(ms: number) {
      nowMs += ms;
      return rig.send({ type: 'tick' });
    },
  };
  return rig;
}

const offersOf = (actions: DispatcherAction[]) => actions.filter((action) => action.type === 'offer');

test('a job goes to the only peer, and its result finishes it', () => {
  const r = rig();
  r.up('a');
  assert.deepEqual(r.job(1), [{ type: 'offer', job: 1, attempt: 1, peer: 'a' }]);
  r.accept(1, 'a', { sequence: 2, running: 1 });
  assert.deepEqual(r.end(1, 'a', { sequence: 3 }), [{ type: 'finish', job: 1, attempt: 1 }]);
  assert.deepEqual(jobCounts(r.state), {
    running: 0,
    queued: 0,
    done: 1,
    remote: 1,
    inline: 0,
    failed: 0,
    retried: 0,
  });
  assert.equal(doneByPeer(r.state, 'a'), 1);
  assert.equal(r.state.peers.get('a')?.mine.size, 0);
});

test('without a peer a job runs inline as far as slots of this machine are free', () => {
  const r = rig(1);
  assert.deepEqual(r.job(1), [{ type: 'inline', job: 1, reason: 'no-peers' }]);
  assert.deepEqual(r.job(2), []);
  assert.equal(inlineWaiting(r.state), 1);
  assert.deepEqual(
    r.send({ type: 'own', freeSlots: 1 }),
    [],
    'the figure does not subtract what inline jobs hold',
  );
  assert.deepEqual(r.send({ type: 'released', job: 1 }), [{ type: 'inline', job: 2, reason: 'no-peers' }]);
  assert.equal(inlineSlotsHeld(r.state), 1);
});

test('a job that waits for a slot of this machine goes to a peer that comes up', () => {
  const r = rig(0);
  r.job(1);
  assert.deepEqual(offersOf(r.up('a')), [{ type: 'offer', job: 1, attempt: 1, peer: 'a' }]);
});

test('jobs of a rule run inline, and those that need no slot do not wait for one', () => {
  const r = rig(0);
  r.up('a');
  assert.deepEqual(r.job(1, { inline: 'query', unslotted: true }), [
    { type: 'inline', job: 1, reason: 'query' },
  ]);
  assert.deepEqual(r.job(2, { inline: 'outside-share' }), []);
  assert.deepEqual(r.send({ type: 'own', freeSlots: 1 }), [
    { type: 'inline', job: 2, reason: 'outside-share' },
  ]);
});

test('free remote slots come first, then own slots, then the prefetch room of the workers', () => {
  const r = rig(1);
  r.up('a', 2);
  for (const job of [1, 2]) assert.equal(offersOf(r.job(job)).length, 1);
  assert.deepEqual(r.job(3), [{ type: 'inline', job: 3, reason: 'own-slot' }]);
  assert.equal(offersOf(r.job(4)).length, 1, 'prefetch room of 1 + 2/4');
  assert.deepEqual(r.job(5), []);
  assert.equal(jobCounts(r.state).queued, 1);
});

test('the least expected wait wins, and jobs in flight count before any report shows them', () => {
  const r = rig();
  r.send({ type: 'peer-up', report: report('slow', { slots: 4, speed: 0.5, running: 1 }) });
  r.send({ type: 'peer-up', report: report('fast', { slots: 4, speed: 1, running: 1 }) });
  // Waits before: slow 1/2, fast 1/4; then fast 2/4 is equal to slow, then fast or slow.
  const peers = [1, 2, 3].map(
    (job) => offersOf(r.job(job)).map((action) => 'peer' in action && action.peer)[0],
  );
  assert.equal(peers[0], 'fast');
  assert.deepEqual(new Set(peers.slice(1)), new Set(['fast', 'slow']));
});

test('a report that counts my jobs does not count them twice', () => {
  const r = rig();
  r.up('a', 2);
  r.job(1);
  r.accept(1, 'a', { slots: 2, sequence: 5, running: 1 });
  r.send({ type: 'report', report: report('a', { slots: 2, sequence: 6, running: 1 }) });
  assert.equal(offersOf(r.job(2)).length, 1, 'the other slot is free');
});

test('a gossiped report that overtakes the acceptance is corrected by it', () => {
  const r = rig();
  r.up('a', 2);
  r.job(1);
  r.send({ type: 'report', report: report('a', { slots: 2, sequence: 9, running: 1 }) });
  r.accept(1, 'a', { slots: 2, sequence: 5, running: 1 });
  assert.equal(offersOf(r.job(2)).length, 1, 'the other slot is free');
  r.up('b', 2);
});

test('refused as busy, a job waits until the worker says that a slot is free', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1);
  const refused = r.send({
    type: 'refused',
    job: 1,
    attempt: 1,
    code: 'busy',
    report: report('a', { slots: 1, sequence: 2, running: 1, queued: 1 }),
  });
  assert.deepEqual(refused, [{ type: 'note', job: 1, reason: 'busy', peer: 'a' }]);
  const full = report('a', { slots: 1, sequence: 3, running: 1, queued: 1 });
  assert.deepEqual(r.send({ type: 'report', report: full }), []);
  const freed = r.send({ type: 'free', report: report('a', { slots: 1, sequence: 4, running: 1 }) });
  assert.deepEqual(freed, [
    { type: 'offer', job: 1, attempt: 2, peer: 'a' },
    { type: 'want', peer: 'a', jobs: 0 },
  ]);
});

test('a report that shows room ends a refusal', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1);
  const full = report('a', { slots: 1, sequence: 2, running: 1, queued: 1 });
  r.send({ type: 'refused', job: 1, attempt: 1, code: 'busy', report: full });
  const actions = r.send({ type: 'report', report: report('a', { slots: 1, sequence: 3 }) });
  assert.deepEqual(actions, [{ type: 'offer', job: 1, attempt: 2, peer: 'a' }]);
});

test('a peer that refused, and says that it is free when nothing waits, gets the next job', () => {
  const r = rig(1);
  r.up('a', 1);
  r.job(1, { remoteOnly: true });
  r.send({
    type: 'refused',
    job: 1,
    attempt: 1,
    code: 'busy',
    report: report('a', { slots: 1, sequence: 2, running: 1, queued: 1 }),
  });
  r.send({ type: 'cancel', job: 1 });
  r.send({ type: 'free', report: report('a', { slots: 1, sequence: 3, queued: 1 }) });
  assert.deepEqual(offersOf(r.job(2)), [{ type: 'offer', job: 2, attempt: 1, peer: 'a' }]);
});

test('jobs that wait at a worker whose owner took all its slots are called back', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1);
  const waits = report('a', { slots: 1, sequence: 2, running: 1, queued: 1 });
  r.send({ type: 'accepted', job: 1, attempt: 1, report: waits });
  const owner = { slots: 0, sequence: 3, state: 'refusing', reasons: ['owner-active'] } as const;
  r.send({ type: 'report', report: report('a', { ...owner, queued: 1 }) });
  const recalled = r.send({ type: 'peer-up', report: report('b', { slots: 1 }) });
  assert.deepEqual(recalled[0], { type: 'recall', job: 1, attempt: 1, peer: 'a' });
});

test('a job that could not be called back at first is called back when a slot that fits falls free', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1);
  const waits = report('a', { slots: 1, sequence: 2, running: 1, queued: 1 });
  r.send({ type: 'failed', job: 1, attempt: 1, reason: 'spawn-failed', confirmed: true });
  r.up('b', 1);
  r.send({ type: 'accepted', job: 1, attempt: 2, report: { ...waits, id: 'b' } });
  // Where it failed it does not go again.
  assert.deepEqual(r.send({ type: 'report', report: report('a', { slots: 1, sequence: 3 }) }), []);
  const recalled = r.send({ type: 'peer-up', report: report('c', { slots: 1 }) });
  assert.deepEqual(recalled[0], { type: 'recall', job: 1, attempt: 2, peer: 'b' });
});

/** Two jobs that wait for a worker of one slot that others use; it was asked to say when it is free. */
function askedRig() {
  const r = rig();
  r.send({ type: 'peer-up', report: report('a', { slots: 1, running: 1, queued: 1 }) });
  assert.deepEqual(r.job(1), [{ type: 'want', peer: 'a', jobs: 1 }]);
  assert.deepEqual(r.job(2), [], 'it is asked once');
  return r;
}

/** The same, when it has refused both. */
function closedRig() {
  const r = askedRig();
  r.send({ type: 'report', report: report('a', { slots: 1, sequence: 2 }) });
  for (const job of [1, 2]) {
    const refused = { type: 'refused', job, attempt: 1, code: 'busy', report: undefined } as const;
    assert.deepEqual(r.send(refused), [
      { type: 'note', job, reason: 'busy', peer: 'a' },
      ...(job === 1 ? [] : [{ type: 'want', peer: 'a', jobs: 2 }]),
    ]);
  }
  return r;
}

const roomy = { type: 'report', report: report('a', { slots: 1, sequence: 3 }) } as const;

test('a worker that was asked and is silent is asked again', () => {
  const r = askedRig();
  assert.deepEqual(r.pass(4_999), []);
  assert.deepEqual(r.pass(1), [{ type: 'want', peer: 'a', jobs: 2 }]);
});

test('a worker that was asked or has refused gets nothing while it is suspect, and is asked anew after that', () => {
  for (const make of [askedRig, closedRig]) {
    const r = make();
    r.send({ type: 'peer-suspect', peer: 'a' });
    assert.deepEqual(r.send(roomy), []);
    assert.equal(offersOf(r.send({ type: 'peer-well', peer: 'a' })).length, 2, make.name);
  }
});

test('a slot that is kept for this submitter is free for its next job, though the report counts it', () => {
  const r = rig(1);
  r.up('a', 1);
  r.send({ type: 'free', report: report('a', { slots: 1, sequence: 2, queued: 1 }) });
  assert.deepEqual(offersOf(r.job(1)), [{ type: 'offer', job: 1, attempt: 1, peer: 'a' }]);
});

test("the owner's leaving, and memory that is there again, end a refusal at once", () => {
  for (const [code, then, now] of [
    ['owner-active', { slots: 0, state: 'refusing' }, { slots: 2 }],
    ['memory', { slots: 2, memoryFreeBytes: 2 ** 30 }, { slots: 2, memoryFreeBytes: 2 ** 33 }],
    ['memory', { slots: 2, running: 1 }, { slots: 2 }],
  ] as const) {
    const r = rig();
    r.up('a', 2);
    r.job(1, { memoryBytes: 2 ** 32 });
    r.send({ type: 'refused', job: 1, attempt: 1, code, report: report('a', { ...then, sequence: 2 }) });
    assert.equal(r.state.queue.size, 1, code);
    const actions = r.send({ type: 'report', report: report('a', { ...now, sequence: 3 }) });
    assert.deepEqual(offersOf(actions), [{ type: 'offer', job: 1, attempt: 2, peer: 'a' }], code);
  }
});

test('a free slot is one slot, until the answer to it shows more', () => {
  const r = rig();
  r.up('a', 8);
  r.job(1);
  r.send({
    type: 'refused',
    job: 1,
    attempt: 1,
    code: 'busy',
    report: report('a', { sequence: 2, running: 10, slots: 8 }),
  });
  r.job(2);
  r.job(3);
  const freed = r.send({ type: 'free', report: report('a', { sequence: 3, running: 4, slots: 8 }) });
  assert.equal(offersOf(freed).length, 1);
  assert.deepEqual(freed.at(-1), { type: 'want', peer: 'a', jobs: 2 });
  const accepted = r.send({
    type: 'accepted',
    job: 1,
    attempt: 2,
    report: report('a', { sequence: 4, running: 5, slots: 8 }),
  });
  assert.equal(offersOf(accepted).length, 2);
});

test('a worker that never says free is asked again after a deadline', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1);
  const full = { slots: 1, running: 2, queued: 0 };
  r.send({
    type: 'refused',
    job: 1,
    attempt: 1,
    code: 'busy',
    report: report('a', { ...full, sequence: 2 }),
  });
  assert.deepEqual(r.pass(4_999), []);
  assert.deepEqual(r.pass(1), [{ type: 'want', peer: 'a', jobs: 1 }]);
});

test('a free slot that nobody needs is given back', () => {
  const r = rig();
  r.up('a');
  assert.deepEqual(r.send({ type: 'free', report: report('a', { sequence: 2 }) }), [
    { type: 'want', peer: 'a', jobs: 0 },
  ]);
});

test('a refusal for where the files of one job lie keeps no other job of its kind away', () => {
  const r = rig();
  r.up('a');
  r.job(1);
  r.send({ type: 'refused', job: 1, attempt: 1, code: 'outside-share', report: undefined });
  assert.deepEqual(offersOf(r.job(2)), [{ type: 'offer', job: 2, attempt: 1, peer: 'a' }]);
});

test('a peer that did not know this one, and now has shown that it does, gets jobs at once', () => {
  const r = rig();
  r.up('a');
  r.job(1);
  r.send({ type: 'refused', job: 1, attempt: 1, code: 'not-member', report: undefined });
  assert.deepEqual(offersOf(r.job(2)), []);
  assert.equal(offersOf(r.up('a')).length, 2);
});

test('a refusal for the toolchain sends this kind of job elsewhere for a while, and inline where all refuse', () => {
  const r = rig(0);
  r.up('a');
  r.job(1);
  r.send({ type: 'refused', job: 1, attempt: 1, code: 'toolchain', report: undefined });
  assert.equal(jobCounts(r.state).queued, 1);
  assert.deepEqual(offersOf(r.job(2)), []);
  assert.equal(inlineWaiting(r.state), 2, 'the worker of this machine must leave them a slot');
  assert.equal(offersOf(r.job(3, { kind: 'other' })).length, 1);
  assert.deepEqual(
    r.send({ type: 'own', freeSlots: 1 }).filter((action) => action.type === 'inline'),
    [{ type: 'inline', job: 1, reason: 'no-fitting-peer' }],
  );
  assert.equal(offersOf(r.pass(30_000)).length, 1, 'asked again after 30 s');
});

for (const [code, reason] of [
  ['stale-view', 'unprovable'],
  ['outside-share', 'outside-share'],
] as const)
  test(`where every peer was tried and answered ${code}, the job runs here because of that: ${reason}`, () => {
    const r = rig(1);
    r.up('a');
    r.up('b');
    for (const attempt of [1, 2]) {
      if (attempt === 1) r.job(1);
      const actions = r.send({ type: 'refused', job: 1, attempt, code, report: undefined });
      if (attempt === 2)
        assert.deepEqual(
          actions.filter((action) => action.type === 'inline'),
          [{ type: 'inline', job: 1, reason }],
        );
    }
  });

test('where the only peer was lost under a job, its attempts are used up', () => {
  const r = rig(1);
  r.up('a');
  r.job(1);
  const failed = { type: 'failed', job: 1, attempt: 1, reason: 'spawn-failed', confirmed: true } as const;
  assert.deepEqual(
    r.send(failed).filter((action) => action.type === 'inline'),
    [{ type: 'inline', job: 1, reason: 'retries-used-up' }],
  );
});

test('a rewritable attempt on a silent peer starts elsewhere at once, and its late end changes nothing', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1);
  r.accept(1, 'a', { slots: 1, sequence: 2, running: 1 });
  r.up('b');
  const actions = r.send({ type: 'peer-suspect', peer: 'a' });
  assert.deepEqual(actions, [
    { type: 'abandon', job: 1, attempt: 1, peer: 'a' },
    { type: 'note', job: 1, reason: 'lost-peer', peer: 'a' },
    { type: 'offer', job: 1, attempt: 2, peer: 'b' },
  ]);
  assert.deepEqual(r.end(1, 'a', { sequence: 3 }), []);
  r.accept(1, 'b', { sequence: 2, running: 1 }, 2);
  assert.deepEqual(r.end(1, 'b', { sequence: 3 }, 2), [{ type: 'finish', job: 1, attempt: 2 }]);
});

test('an attempt that writes in place starts again only after its lease is over', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1, { rewritable: false });
  r.accept(1, 'a', { slots: 1, sequence: 2, running: 1 });
  r.up('b');
  assert.deepEqual(r.send({ type: 'peer-suspect', peer: 'a' }), []);
  assert.deepEqual(r.send({ type: 'peer-down', peer: 'a' }), [
    { type: 'note', job: 1, reason: 'lost-peer', peer: 'a' },
  ]);
  assert.deepEqual(r.pass(fenceMs - 1), []);
  assert.equal(offersOf(r.pass(1)).length, 1);
});

test('an attempt that writes in place starts again at once when its end is confirmed', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1, { rewritable: false });
  r.accept(1, 'a', { slots: 1, sequence: 2, running: 1 });
  r.up('b');
  r.send({ type: 'failed', job: 1, attempt: 1, reason: 'lost-peer', confirmed: false });
  assert.equal(jobCounts(r.state).running, 1);
  const actions = r.send({ type: 'failed', job: 1, attempt: 1, reason: 'lost-peer', confirmed: true });
  assert.deepEqual(offersOf(actions), [{ type: 'offer', job: 1, attempt: 2, peer: 'b' }]);
});

/** A job that writes in place and may still run on a worker that was lost, when its result is being looked at. */
function fencedRig() {
  const r = rig(1);
  r.up('a', 1);
  r.job(1, { rewritable: false });
  r.accept(1, 'a', { slots: 1, sequence: 2, running: 1 });
  r.send({ type: 'peer-down', peer: 'a' });
  r.up('b', 1);
  return r;
}

test('what is said of an attempt after its worker was lost holds, and ends the wait for its lease', () => {
  const ended = { type: 'ended', ending: { kind: 'exited', status: 1 }, report: undefined } as const;
  const elsewhere = { type: 'offer', job: 1, attempt: 2, peer: 'b' };
  const here = (reason: string) => ({ type: 'inline', job: 1, reason });
  const words = [
    [
      { ...ended, believed: true },
      { type: 'finish', job: 1, attempt: 1 },
    ],
    [{ ...ended, believed: false }, here('failed-remotely')],
    [{ type: 'unprovable' }, here('unprovable')],
    [{ type: 'refused', code: 'toolchain', report: undefined }, elsewhere],
    [{ type: 'failed', reason: 'view-grew', confirmed: true }, elsewhere],
  ] as const;
  for (const [word, action] of words) {
    const r = fencedRig();
    const actions = r.send({ ...word, job: 1, attempt: 1 }).filter(({ type }) => type !== 'note');
    assert.deepEqual(actions, [action]);
    assert.deepEqual(r.pass(fenceMs), [], 'the lease is of no concern any more');
  }
  const r = fencedRig();
  assert.deepEqual(r.send({ type: 'cancel', job: 1 }).at(-1), { type: 'dropped', job: 1 });
});

test('a worker that turns out unfit after the run counts as an attempt in vain', () => {
  const r = rig(1);
  for (const id of ['a', 'b', 'c', 'd']) r.up(id);
  let actions = r.job(1);
  for (const attempt of [1, 2, 3]) {
    const [offer] = offersOf(actions);
    assert.ok(offer !== undefined && 'peer' in offer && offer.peer !== undefined);
    r.accept(1, offer.peer, { sequence: 2, running: 1 }, attempt);
    actions = r.send({ type: 'refused', job: 1, attempt, code: 'toolchain', report: undefined });
  }
  assert.deepEqual(actions.at(-1), { type: 'inline', job: 1, reason: 'retries-used-up' });
});

test('a last word that cannot be said yet ends the attempt', () => {
  const r = rig();
  r.up('a');
  r.job(1);
  r.up('b');
  assert.deepEqual(offersOf(r.send({ type: 'started', job: 1, attempt: 1 })), []);
  assert.deepEqual(offersOf(r.end(1, 'a', { sequence: 2 })), [
    { type: 'offer', job: 1, attempt: 2, peer: 'b' },
  ]);
});

test('three attempts that come to nothing are followed by one inline', () => {
  const r = rig(1);
  for (const id of ['a', 'b', 'c', 'd']) r.up(id);
  let last = r.job(1);
  for (const attempt of [1, 2, 3]) {
    assert.equal(offersOf(last).length, 1);
    last = r.send({ type: 'failed', job: 1, attempt, reason: 'spawn-failed', confirmed: true });
  }
  assert.deepEqual(last.at(-1), { type: 'inline', job: 1, reason: 'retries-used-up' });
});

test('a worker that fails three starts in a row rests, longer each time, until it starts something', () => {
  const r = rig();
  r.up('a');
  const failOne = (job: number): number => {
    const offered = offersOf(r.job(job)).length;
    if (offered === 0) r.send({ type: 'cancel', job });
    else r.send({ type: 'failed', job, attempt: 1, reason: 'spawn-failed', confirmed: true });
    // It waits for another worker, as that one is avoided.
    r.send({ type: 'cancel', job });
    return offered;
  };
  assert.deepEqual([1, 2, 3, 4].map(failOne), [1, 1, 1, 0]);
  r.pass(4_999);
  assert.equal(failOne(5), 0);
  r.pass(1);
  assert.deepEqual([6, 7].map(failOne), [1, 0], 'one more try');
  r.pass(9_999);
  assert.equal(failOne(8), 0, 'then it rests twice as long');
  assert.deepEqual(offersOf(r.job(9, { remoteOnly: true })), []);
  assert.deepEqual(offersOf(r.pass(1)).length, 1, 'what waits goes there when the rest is over');
  r.accept(9, 'a', { sequence: 2, running: 1 });
  r.end(9, 'a', { sequence: 3 });
  assert.deepEqual([10, 11, 12, 13].map(failOne), [1, 1, 1, 0], 'it is counted anew');
  r.pass(5_000);
  for (let job = 20; job < 30; job += 1) {
    assert.equal(failOne(job), 1);
    r.pass(60_000);
  }
});

test('a job whose view had grown may run where it ran', () => {
  const r = rig();
  r.up('a');
  r.job(1);
  const actions = r.send({ type: 'failed', job: 1, attempt: 1, reason: 'view-grew', confirmed: true });
  assert.deepEqual(offersOf(actions), [{ type: 'offer', job: 1, attempt: 2, peer: 'a' }]);
});

test('a job that is tried another way runs where it ran, also where its former kind is refused', () => {
  for (const kind of [undefined, 'served']) {
    const r = rig();
    r.up('a', 2);
    r.job(1);
    r.job(2);
    r.send({ type: 'refused', job: 2, attempt: 1, code: 'toolchain', report: undefined });
    const changed = kind === undefined ? {} : { kind };
    const failed = { type: 'failed', job: 1, attempt: 1, reason: 'system-differs', confirmed: true } as const;
    const again = offersOf(r.send({ ...failed, ...changed }));
    assert.deepEqual(again, kind === undefined ? [] : [{ type: 'offer', job: 1, attempt: 2, peer: 'a' }]);
  }
});

test('a report of another peer in the answer of this one changes nothing', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1);
  r.accept(1, 'b', { slots: 8, sequence: 9 });
  r.job(2);
  assert.deepEqual(offersOf(r.job(3)), [], 'one slot and one place in the queue');
});

test('a result that is not believed makes the job run inline', () => {
  const r = rig(1);
  r.up('a');
  r.job(1);
  r.accept(1, 'a', { sequence: 2, running: 1 });
  const ending = { kind: 'exited', status: 1 } as const;
  const actions = r.send({ type: 'ended', job: 1, attempt: 1, ending, believed: false, report: undefined });
  assert.deepEqual(actions, [{ type: 'inline', job: 1, reason: 'failed-remotely' }]);
});

test('a job that cannot be proven anywhere runs here, before it started elsewhere and after', () => {
  for (const stage of ['offered', 'accepted', 'started'] as const) {
    const r = rig(1);
    r.up('a');
    r.up('b');
    r.job(1, { rewritable: false });
    if (stage === 'started') r.accept(1, 'a', { sequence: 2, running: 1 });
    if (stage === 'accepted')
      r.send({ type: 'accepted', job: 1, attempt: 1, report: report('a', { sequence: 2, running: 1 }) });
    const actions = r.send({ type: 'unprovable', job: 1, attempt: 1 });
    assert.deepEqual(actions, [{ type: 'inline', job: 1, reason: 'unprovable' }], stage);
  }
});

test('a command that could not be started on one worker is started on another at once, even where it writes in place', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1, { rewritable: false });
  r.send({
    type: 'accepted',
    job: 1,
    attempt: 1,
    report: report('a', { slots: 1, sequence: 2, running: 1 }),
  });
  r.up('b');
  const actions = r.send({ type: 'failed', job: 1, attempt: 1, reason: 'spawn-failed', confirmed: true });
  assert.deepEqual(offersOf(actions), [{ type: 'offer', job: 1, attempt: 2, peer: 'b' }]);
});

test('a compile error is final and the worker gets the next job', () => {
  const r = rig();
  r.up('a');
  r.job(1);
  r.accept(1, 'a', { sequence: 2, running: 1 });
  assert.deepEqual(r.end(1, 'a', { sequence: 3 }, 1, 1), [{ type: 'finish', job: 1, attempt: 1 }]);
  assert.equal(jobCounts(r.state).failed, 1);
  assert.equal(offersOf(r.job(2)).length, 1);
});

test('a nested job takes a free slot or runs inline at once', () => {
  const r = rig(0);
  r.up('a', 1);
  assert.equal(offersOf(r.job(1, { nested: true })).length, 1);
  assert.deepEqual(r.job(2, { nested: true }), [{ type: 'inline', job: 2, reason: 'nested' }]);
});

test('a nested job that lies in a queue of a worker is called back and runs inline', () => {
  const r = rig(0);
  r.up('a', 1);
  r.job(1, { nested: true });
  r.send({
    type: 'accepted',
    job: 1,
    attempt: 1,
    report: report('a', { slots: 1, sequence: 2, running: 1, queued: 1 }),
  });
  const recalled = r.pass(250);
  assert.deepEqual(recalled[0], { type: 'recall', job: 1, attempt: 1, peer: 'a' });
  assert.deepEqual(r.send({ type: 'returned', job: 1, attempt: 1 }), [
    { type: 'inline', job: 1, reason: 'nested' },
  ]);
});

test('a job that may only run remotely waits for a peer', () => {
  const r = rig(4);
  assert.deepEqual(r.job(1, { remoteOnly: true }), []);
  assert.equal(offersOf(r.up('a')).length, 1);
});

test('a job in the queue of a worker is called back when a slot is idle elsewhere', () => {
  const r = rig();
  r.up('a', 1);
  r.job(1);
  r.accept(1, 'a', { slots: 1, sequence: 2, running: 1 });
  r.job(2);
  r.send({
    type: 'accepted',
    job: 2,
    attempt: 1,
    report: report('a', { slots: 1, sequence: 3, running: 1, queued: 1 }),
  });
  const actions = r.up('b');
  assert.deepEqual(actions, [
    { type: 'recall', job: 2, attempt: 1, peer: 'a' },
    { type: 'note', job: 2, reason: 'recalled', peer: 'a' },
  ]);
  const back = r.send({ type: 'returned', job: 2, attempt: 1 });
  assert.deepEqual(back, [{ type: 'offer', job: 2, attempt: 2, peer: 'b' }]);
});

test('a cancelled job is dropped wherever it is, once', () => {
  const r = rig(0);
  r.up('a', 1);
  r.job(1);
  assert.deepEqual(r.send({ type: 'cancel', job: 1 }), [
    { type: 'abandon', job: 1, attempt: 1, peer: 'a' },
    { type: 'note', job: 1, reason: 'cancelled' },
    { type: 'dropped', job: 1 },
  ]);
  assert.deepEqual(r.send({ type: 'cancel', job: 1 }), []);
  r.job(2, { inline: 'probe' });
  assert.deepEqual(r.send({ type: 'cancel', job: 2 }).at(-1), { type: 'dropped', job: 2 });
  assert.equal(inlineWaiting(r.state), 0);
  assert.equal(jobCounts(r.state).running, 0);
});

test('a stopping peer runs all that waits inline', () => {
  const r = rig(0);
  r.up('a', 1);
  for (const job of [1, 2, 3, 4]) r.job(job);
  r.send({ type: 'stopping' });
  const actions = r.send({ type: 'own', freeSlots: 2 });
  assert.deepEqual(actions, [
    { type: 'inline', job: 3, reason: 'stopping' },
    { type: 'inline', job: 4, reason: 'stopping' },
  ]);
});

test('an alarm that rings for a time that is no more is set again for the next one', () => {
  let state = createDispatcher({ seed: 1, ownSlots: 0 });
  let alarmMs = Number.POSITIVE_INFINITY;
  const step = (event: DispatcherEvent, nowMs: number): DispatcherAction[] => {
    const [next, actions] = dispatch(state, event, nowMs);
    state = next;
    // As an alarm does: what is later than what it is set for changes nothing.
    for (const action of actions) if (action.type === 'wake') alarmMs = Math.min(alarmMs, action.atMs);
    return actions;
  };
  const ring = (lateMs: number): DispatcherAction[] => {
    const nowMs = alarmMs + lateMs;
    alarmMs = Number.POSITIVE_INFINITY;
    return step({ type: 'tick' }, nowMs);
  };
  step({ type: 'peer-up', report: report('a', { slots: 1 }) }, 0);
  step({ type: 'job', demand: plainDemand(1, { rewritable: false }) }, 0);
  step({ type: 'accepted', job: 1, attempt: 1, report: report('a', { sequence: 2, running: 1 }) }, 10);
  step({ type: 'started', job: 1, attempt: 1 }, 20);
  const firstMs = alarmMs;
  assert.ok(Number.isFinite(firstMs));
  // Lost just before the alarm: the fence ends later, and something happens before the alarm's timer is served.
  step({ type: 'peer-down', peer: 'a', graceMs: 1_000 }, firstMs - 0.5);
  step({ type: 'own', freeSlots: 0 }, firstMs + 0.5);
  let ran = false;
  for (let rings = 0; rings < 20 && !ran && Number.isFinite(alarmMs); rings++)
    ran = ring(1).some(({ type }) => type === 'abandon');
  assert.ok(ran, 'the fence ends by alarms alone');
});

test('offers that were answered, and jobs that are over, ask for no tick each', () => {
  let state = createDispatcher({ seed: 1, ownSlots: 0 });
  const step = (event: DispatcherEvent, nowMs: number): DispatcherAction[] => {
    const [next, actions] = dispatch(state, event, nowMs);
    state = next;
    return actions.filter(({ type }) => type === 'wake');
  };
  const figures = (sequence: number) => report('a', { slots: 1, sequence });
  step({ type: 'peer-up', report: figures(1) }, 0);
  const asked: DispatcherAction[] = [];
  for (let job = 1; job <= 50; job += 1) {
    const nowMs = job * 100;
    asked.push(...step({ type: 'job', demand: plainDemand(job) }, nowMs));
    step({ type: 'accepted', job, attempt: 1, report: figures(3 * job) }, nowMs + 10);
    step({ type: 'started', job, attempt: 1 }, nowMs + 20);
    if (job === 50) break;
    const ending = { kind: 'exited', status: 0 } as const;
    step(
      { type: 'ended', job, attempt: 1, ending, believed: true, report: figures(3 * job + 1) },
      nowMs + 30,
    );
  }
  assert.equal(asked.length, 1, 'the first offer asks for one');
  assert.deepEqual(
    step({ type: 'tick' }, 100 + offerDeadlineMs),
    [],
    'and after that nothing is left to wait for',
  );
});

for (const reason of ['oom-killed', 'no-space-remote'] as const) {
  test(`${reason}: the worker gets no more jobs of that kind for half a minute, others it gets`, () => {
    const r = rig();
    r.up('a');
    r.job(1);
    r.accept(1, 'a', { sequence: 2, running: 1 });
    r.up('b');
    const again = r.send({ type: 'failed', job: 1, attempt: 1, reason, confirmed: true });
    assert.deepEqual(
      offersOf(again).map(({ peer }) => peer),
      ['b'],
    );
    r.send({ type: 'peer-down', peer: 'b', graceMs: 0 });
    assert.deepEqual(offersOf(r.job(2)), []);
    assert.equal(offersOf(r.job(3, { kind: 'another' })).length, 1);
    r.pass(29_000);
    assert.equal(r.state.jobs.get(2)?.stage, 'queued');
    r.pass(1_000);
    assert.equal(r.state.jobs.get(2)?.placement?.peer, 'a');
  });
}
