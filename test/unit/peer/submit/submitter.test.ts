/** The submitter by contract: see test/contract/submitter.ts for what holds over real streams too. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, keepsSubmitterContract, opaque } from '../../../contract/submitter.ts';
import { SubmitterRig, streamsInMemory } from '../../../rig/submitter-rig.ts';
import type { WorkerEnd } from '../../../rig/worker-end.ts';

keepsSubmitterContract(() => Promise.resolve(streamsInMemory()));

const rigOf = (ownSlots = 0) => new SubmitterRig(streamsInMemory(), ownSlots);
/** A promise that a test settles. */
function gate(): { readonly promise: Promise<void>; readonly goOn: () => void } {
  let goOn = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  return { promise, goOn };
}

const failed = { kind: 'exited', status: 1 } as const;

test('without a worker jobs run here, each on its slot until its wrapper ends', async () => {
  const rig = rigOf(1);
  const [first, second] = [rig.submit(compile), rig.submit(compile)];
  await rig.quiet();
  assert.match(first.inline ?? '', /^no-peers: /);
  assert.equal(second.inline, undefined);
  first.leave();
  assert.match(second.inline ?? '', /^no-peers: /);
  assert.deepEqual(rig.why(1), { reasons: ['no-peers'], details: [], place: 'inline' });
  second.leave();
  assert.equal(rig.submitter.size, 0);
});

test('by rule of its words or its place a command runs here, the former without a slot', async () => {
  const rig = rigOf(1);
  rig.workerUp('a');
  const holder = rig.submit(compile, { cwd: '/elsewhere' });
  const query = rig.submit(['gcc', '--version']);
  const waiting = rig.submit(compile, { cwd: '/elsewhere' });
  await rig.quiet();
  assert.match(holder.inline ?? '', /^outside-share: /);
  assert.match(query.inline ?? '', /^query: /);
  assert.equal(waiting.inline, undefined);
  assert.equal(rig.attempts.length, 0);
});

test('a caller that goes before its command was read holds nothing', async () => {
  const rig = rigOf(1);
  rig.submit(compile).leave();
  const next = rig.submit(compile);
  await rig.quiet();
  assert.match(next.inline ?? '', /^no-peers: /);
  assert.equal(rig.submitter.size, 1);
});

test('a command that cannot be read is left to its wrapper, and holds nothing', async () => {
  const rig = rigOf(1);
  rig.tree.unreadable = new Error('the file server does not answer');
  const caller = rig.submit(compile);
  await rig.quiet();
  assert.equal(caller.isDropped, true);
  const { place, details } = rig.why(1);
  assert.deepEqual(
    [place, details, rig.submitter.size],
    ['inline', ['Error: the file server does not answer'], 0],
  );
});

test('a fault while a command is taken in leaves it to its wrapper, and the next one is run', async () => {
  const rig = rigOf(1);
  rig.isNested = () => {
    throw new Error('internal: a fault');
  };
  const caller = rig.submit(compile);
  await rig.quiet();
  assert.equal(caller.isDropped, true);
  assert.deepEqual([rig.why(1).place, rig.submitter.size], ['inline', 0]);
  assert.match(rig.log.join('\n'), /could not be taken in.*internal: a fault/);
  rig.isNested = () => false;
  const next = rig.submit(compile);
  await rig.quiet();
  assert.match(next.inline ?? '', /^no-peers: /);
});

test('a fault while a refusal is noted leaves the command to its wrapper', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  rig.tree.unnotable = new Error('internal: a fault');
  const caller = rig.submit(compile);
  (await rig.nextAttempt()).refuse('busy');
  await rig.quiet();
  assert.deepEqual([caller.isDropped, rig.submitter.size], [true, 0]);
  assert.match(rig.log.join('\n'), /internal fault/);
});

test('what an attempt left and cannot be removed is told in the log, and nothing else changes', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  rig.tree.unremovable = new Error('EMFILE: too many open files');
  const caller = rig.submit(compile);
  await rig.nextAttempt();
  caller.leave();
  await rig.quiet();
  assert.equal(rig.submitter.size, 0);
  assert.match(rig.log.join('\n'), /could not be removed.*EMFILE/);
});

test('a signal before the command runs anywhere ends it, as it ends a process without a handler', async () => {
  const endings: readonly ((attempt: WorkerEnd) => void)[] = [
    (attempt) => attempt.refuse('busy'),
    (attempt) => attempt.channel.abort(),
    (attempt) => {
      attempt.accept({ running: 1, queued: 1 });
      attempt.giveBack();
    },
  ];
  for (const signal of [2, 10, 15])
    for (const notBegun of endings) {
      const rig = rigOf();
      rig.workerUp('a');
      rig.workerUp('b');
      const caller = rig.submit(compile);
      const attempt = await rig.nextAttempt();
      caller.signal(28);
      caller.signal(signal);
      await rig.soon(() => attempt.has('RECALL'), 'it is asked to give it back');
      assert.equal(caller.ending, undefined, 'it may have begun, and the word of that be on its way');
      notBegun(attempt);
      await rig.quiet();
      assert.deepEqual(caller.ending, { kind: 'signaled', signal, core: false });
      assert.deepEqual([rig.attempts.length, rig.submitter.size, caller.inline], [1, 0, undefined]);
    }
  const rig = rigOf(0);
  const caller = rig.submit(compile);
  await rig.quiet();
  caller.signal(2);
  assert.deepEqual(caller.ending, { kind: 'signaled', signal: 2, core: false }, 'it is offered to nobody');
});

test('a signal that comes before the word that the command has begun reaches it', async () => {
  const rig = rigOf(1);
  rig.workerUp('a');
  const caller = rig.submit(opaque);
  const attempt = await rig.nextAttempt();
  for (const signal of [28, 10, 15]) caller.signal(signal);
  attempt.accept();
  await rig.quiet();
  // It may have been queued after the first request came.
  assert.equal(attempt.frames.filter((type) => type === 'RECALL').length, 3);
  attempt.start();
  await rig.soon(() => attempt.signals.length === 3, 'the signals are passed on');
  assert.deepEqual([attempt.signals, caller.ending], [[28, 10, 15], undefined]);
  rig.tree.settlement = { kind: 'final', proven: false };
  attempt.finish({ kind: 'exited', status: 5 });
  await rig.quiet();
  assert.deepEqual(caller.ending, { kind: 'exited', status: 5 });
});

test('a worker that does not answer an offer does not keep a command that was to end', async () => {
  const rig = rigOf(1);
  rig.workerUp('a');
  const caller = rig.submit(compile);
  await rig.nextAttempt();
  caller.signal(15);
  await rig.soon(() => {
    rig.clock.pass(1_000);
    return caller.ending;
  }, 'it ends');
  await rig.quiet();
  assert.deepEqual(caller.ending, { kind: 'signaled', signal: 15, core: false });
  assert.deepEqual([rig.attempts.length, rig.submitter.size, caller.inline], [1, 0, undefined]);
  assert.equal(rig.dispatcher.ownHeld, 0, 'no slot of this machine is kept for it');
});

test('after a signal that may have ended it, a lost worker is an end by that, whatever the caller has seen', async () => {
  for (const signal of [10, 15])
    for (const isSeen of [false, true]) {
      const rig = rigOf(1);
      rig.workerUp('a');
      const caller = rig.submit(opaque);
      const attempt = await rig.nextAttempt();
      attempt.run();
      attempt.print('STDOUT', 'half');
      await rig.quiet();
      if (isSeen) rig.clock.pass(1_000);
      caller.signal(signal);
      attempt.channel.abort();
      await rig.quiet();
      assert.deepEqual(caller.ending, { kind: 'signaled', signal, core: false });
      assert.equal(caller.stdout, isSeen ? 'half' : '');
      assert.deepEqual([rig.attempts.length, rig.submitter.size, caller.inline], [1, 0, undefined]);
    }
});

test('after a signal that may have ended it, a failure counts: no other run would get the signal', async () => {
  for (const signal of [10, 12, 15]) {
    const rig = rigOf(1);
    rig.tree.settlement = { kind: 'final', proven: false };
    rig.workerUp('a');
    const caller = rig.submit(opaque);
    const attempt = await rig.nextAttempt();
    attempt.run();
    await rig.quiet();
    caller.signal(signal);
    attempt.finish({ kind: 'exited', status: 3 });
    await rig.quiet();
    assert.deepEqual(caller.ending, { kind: 'exited', status: 3 }, String(signal));
    assert.deepEqual([rig.attempts.length, rig.submitter.size], [1, 0]);
  }
});

test('a signal that may end it is its end where the attempt that was given it comes to nothing', async () => {
  const comesToNothing: readonly ((rig: SubmitterRig, attempt: WorkerEnd) => void)[] = [
    (_, attempt) => attempt.failToSpawn('report ENOENT'),
    (rig, attempt) => {
      rig.tree.settlement = { kind: 'again', reason: 'stale-view', detail: 'x.h' };
      attempt.finish({ kind: 'signaled', signal: 15, core: false });
    },
    (rig, attempt) => {
      rig.tree.settlement = { kind: 'inline', reason: 'tree-fault', detail: 'x.h' };
      attempt.finish({ kind: 'exited', status: 143 });
    },
    (rig) => rig.submitter.apply({ type: 'peer-down', peer: 'a' }),
  ];
  const signals = [10, 15];
  for (const [come, signal] of comesToNothing.flatMap((each) =>
    signals.map((number) => [each, number] as const),
  ))
    for (const isElsewherePossible of [true, false]) {
      const rig = rigOf(isElsewherePossible ? 1 : 0);
      rig.workerUp('a');
      if (isElsewherePossible) rig.workerUp('b');
      const caller = rig.submit(compile);
      const attempt = await rig.nextAttempt();
      attempt.run();
      attempt.print('STDERR', 'x.h: No such file');
      await rig.quiet();
      caller.signal(signal);
      come(rig, attempt);
      await rig.quiet();
      assert.deepEqual(caller.ending, { kind: 'signaled', signal, core: false });
      assert.equal(caller.stderr, '', 'what it said there is not believed');
      assert.deepEqual([rig.attempts.length, rig.submitter.size, caller.inline], [1, 0, undefined]);
      assert.equal(rig.dispatcher.ownHeld, 0, 'no slot of this machine is kept for it');
    }
});

/** What comes of signals when their command has ended already. */
const onceEnded = [
  [10, { kind: 'exited', status: 0 }],
  [15, { kind: 'signaled', signal: 15, core: false }],
] as const;

test('a signal while a result is settled is nobody’s, unless it asks for the end', async () => {
  for (const [signal, ending] of onceEnded) {
    const rig = rigOf();
    rig.workerUp('a');
    const { promise, goOn } = gate();
    rig.tree.waitsFor.settling = promise;
    const caller = rig.submit(compile);
    const attempt = await rig.nextAttempt();
    attempt.run();
    attempt.finish();
    await rig.quiet();
    caller.signal(signal);
    goOn();
    await rig.quiet();
    assert.deepEqual(caller.ending, ending);
  }
});

test('a job is stopped on its worker if the last that stops or continues it, whenever it came, was what stops it', async () => {
  /** What comes while it waits for a worker, after each of two offers, and what its worker is told once it has begun. */
  const cases: readonly (readonly [readonly number[], readonly number[], readonly number[], number[]])[] = [
    [[20], [], [], [20]],
    [[], [20], [], [20]],
    [[], [], [20], [20]],
    [[20], [], [20], [20]],
    [[20], [18], [], []],
    [[20], [], [18], [18]],
    [[], [], [20, 18], [18]],
    [[], [], [18, 20], [20]],
    [[20], [], [28], [20, 28]],
  ];
  for (const [waiting, refused, offered, told] of cases) {
    const rig = rigOf();
    const caller = rig.submit(compile, { force: 'remote' });
    await rig.quiet();
    for (const signal of waiting) caller.signal(signal);
    rig.workerUp('a');
    const first = await rig.nextAttempt();
    for (const signal of refused) caller.signal(signal);
    first.refuse('busy');
    await rig.quiet();
    rig.workerUp('b');
    const attempt = await rig.nextAttempt();
    for (const signal of offered) caller.signal(signal);
    attempt.run();
    await rig.soon(() => attempt.signals.length === told.length, 'the signals are passed on');
    await rig.quiet();
    assert.deepEqual(attempt.signals, told);
    attempt.finish();
    await rig.soon(() => caller.ending, 'the end');
  }
});

test('a signal while what a command wrote comes home is nobody’s, unless it asks for the end: then it is the end', async () => {
  for (const [signal, ending] of onceEnded) {
    const rig = rigOf();
    rig.workerUp('a');
    const caller = rig.submit(opaque);
    const attempt = await rig.nextAttempt();
    attempt.run();
    attempt.announce(1_000_000_000);
    await rig.quiet();
    caller.signal(signal);
    await rig.quiet();
    assert.deepEqual(attempt.signals, []);
    assert.equal(attempt.end, signal === 15 ? 'lost' : undefined, 'nothing more of it is to come');
    if (attempt.end === undefined) attempt.finish();
    await rig.quiet();
    assert.deepEqual(caller.ending, ending);
    assert.deepEqual([rig.attempts.length, rig.submitter.size], [1, 0]);
  }
});

test('a signal that comes while the command is read ends it, if it is one that does', async () => {
  for (const signal of [18, 20, 28, 10, 15]) {
    const rig = rigOf(1);
    rig.workerUp('a');
    const caller = rig.submit(compile);
    caller.signal(signal);
    await rig.quiet();
    const isDeadly = signal === 10 || signal === 15;
    assert.deepEqual(caller.ending, isDeadly ? { kind: 'signaled', signal, core: false } : undefined);
    assert.deepEqual([rig.attempts.length, rig.submitter.size], isDeadly ? [0, 0] : [1, 1]);
  }
});

test('an inline command whose socket lives on in another process ends once', async () => {
  const rig = rigOf(1);
  const caller = rig.submit(compile);
  await rig.quiet();
  assert.match(caller.inline ?? '', /^no-peers: /);
  rig.endInline();
  const { endedAtMs } = rig.ledger.record(1) ?? {};
  assert.ok(endedAtMs !== undefined);
  rig.clock.pass(60_000);
  caller.leave();
  assert.equal(rig.ledger.record(1)?.endedAtMs, endedAtMs);
});

test('a command that left something running has had its effect: its failure counts, and why tells', async () => {
  const rig = rigOf(1);
  rig.tree.settlement = { kind: 'final', proven: false };
  rig.workerUp('a');
  const caller = rig.submit(opaque);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.finish({ kind: 'exited', status: 3 }, 0, 2);
  await rig.quiet();
  assert.deepEqual(caller.ending, { kind: 'exited', status: 3 });
  assert.deepEqual(rig.why(1).reasons, ['left-behind']);
});

test('a command that had no /tmp of its own there counts, and why tells', async () => {
  const rig = rigOf(1);
  rig.workerUp('a');
  const caller = rig.submit(opaque);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.finish({ kind: 'exited', status: 0 }, 0, 0, 'mount namespace: EPERM');
  await rig.quiet();
  assert.deepEqual(caller.ending, { kind: 'exited', status: 0 });
  assert.deepEqual(rig.why(1).reasons, ['not-apart']);
});

test('output is held until the end is believed', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  const caller = rig.submit(compile);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.print('STDOUT', 'x');
  await rig.quiet();
  rig.clock.pass(60_000);
  assert.equal(caller.stdout, '');
  attempt.finish();
  await rig.quiet();
  assert.equal(caller.stdout, 'x');
});

test('output of an opaque command is held for a moment only, and what was passed on is not repeated', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  const caller = rig.submit(opaque);
  const lost = await rig.nextAttempt();
  lost.run();
  lost.print('STDOUT', 'ready? ');
  await rig.quiet();
  rig.clock.pass(149);
  assert.equal(caller.stdout, '');
  rig.clock.pass(1);
  assert.equal(caller.stdout, 'ready? ');
  rig.workerUp('b');
  lost.channel.abort();
  await rig.quiet();
  rig.clock.pass(1_000);
  const second = await rig.nextAttempt();
  second.run();
  second.print('STDOUT', 'ready? go');
  second.finish();
  await rig.quiet();
  assert.equal(caller.stdout, 'ready? go');
});

test('what an attempt has read of stdin no other one can read: then it runs here', async () => {
  const rig = rigOf(1);
  rig.workerUp('a');
  const caller = rig.submit(opaque, { stdin: 'pipe' });
  const lost = await rig.nextAttempt();
  lost.run();
  await rig.quiet();
  caller.stdin('one two');
  await rig.quiet();
  lost.takeStdin(4);
  rig.workerUp('b');
  lost.channel.abort();
  await rig.quiet();
  rig.clock.pass(1_000);
  await rig.quiet();
  assert.match(caller.inline ?? '', /^unprovable: /);
  assert.deepEqual(rig.why(1).details, [
    'it reset the stream, or the connection to it ended',
    'an earlier attempt has read its input',
  ]);
});

test('a failure that is not proven runs here, and that counts', async () => {
  const rig = rigOf(1);
  rig.workerUp('a');
  rig.tree.settlement = { kind: 'final', proven: false };
  const caller = rig.submit(compile);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.print('STDERR', 'error\n');
  attempt.finish(failed);
  await rig.quiet();
  assert.match(caller.inline ?? '', /^failed-remotely: /);
  assert.equal(caller.stderr, '');
});

test('a success that is not proven by the worker is one all the same when it was settled', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  rig.tree.settlement = { kind: 'final', proven: false };
  const caller = rig.submit(compile);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.finish();
  await rig.quiet();
  assert.deepEqual(caller.ending, { kind: 'exited', status: 0 });
});

test('what no worker can prove runs here, before it was offered or after it ran', async () => {
  const rig = rigOf(2);
  rig.workerUp('a');
  rig.tree.unprovable = 'a path goes up again';
  const before = rig.submit(compile);
  await rig.quiet();
  rig.tree.unprovable = undefined;
  rig.tree.settlement = { kind: 'inline', detail: 'the share changed' };
  const after = rig.submit(compile);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.finish();
  await rig.quiet();
  for (const [at, caller] of [before, after].entries()) {
    assert.match(caller.inline ?? '', /^unprovable: /);
    assert.equal(rig.why(at + 1).details.length, 1);
  }
});

test('a worker whose system files differ gets no more jobs of that kind', async () => {
  const rig = rigOf(1);
  rig.workerUp('a');
  rig.tree.settlement = { kind: 'unfit', detail: '/usr/include/stdio.h differs on that machine' };
  const caller = rig.submit(compile);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.finish();
  await rig.quiet();
  assert.match(caller.inline ?? '', /^no-fitting-peer: /);
  const second = rig.submit(compile);
  caller.leave();
  await rig.quiet();
  assert.match(second.inline ?? '', /^no-fitting-peer: /);
  assert.equal(rig.attempts.length, 1);
});

test('a stranger is not offered anything', async () => {
  const rig = rigOf(1);
  rig.tree.strangers.add('a');
  rig.workerUp('a');
  const caller = rig.submit(compile);
  await rig.quiet();
  assert.match(caller.inline ?? '', /^no-fitting-peer: /);
  assert.deepEqual(rig.why(1).reasons, ['not-member', 'no-fitting-peer']);
  assert.equal(rig.attempts.length, 0);
});

test('a settlement that comes after its attempt was given up changes nothing', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  const caller = rig.submit(compile);
  const slow = await rig.nextAttempt();
  const { promise, goOn } = gate();
  rig.tree.waitsFor.settling = promise;
  slow.run();
  slow.print('STDOUT', 'first');
  slow.finish();
  await rig.quiet();
  rig.workerUp('b');
  rig.submitter.apply({ type: 'peer-down', peer: 'a' });
  const second = await rig.nextAttempt();
  rig.tree.settlement = { kind: 'again', reason: 'output-unseen', detail: 'not seen' };
  goOn();
  await rig.quiet();
  assert.deepEqual([rig.why(1).reasons, rig.why(1).details], [['lost-peer'], []]);
  rig.tree.settlement = { kind: 'final', proven: true };
  second.run();
  second.print('STDOUT', 'second');
  second.finish(failed);
  await rig.quiet();
  assert.deepEqual([caller.ending, caller.stdout], [failed, 'second']);
});

test('a job that ends while its offer is put together is not offered', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  const { promise, goOn } = gate();
  rig.tree.waitsFor.offers = promise;
  const caller = rig.submit(compile);
  await rig.quiet();
  caller.leave();
  goOn();
  await rig.quiet();
  assert.deepEqual([rig.attempts.length, rig.submitter.size], [0, 0]);
});

test('a refusal is shown until the worker takes such a job', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  rig.submit(compile);
  (await rig.nextAttempt()).refuse('toolchain', 'gcc differs');
  await rig.quiet();
  assert.equal(rig.submitter.refusals.of('a', []).takesNone, true);
  rig.clock.pass(30_000);
  (await rig.nextAttempt()).run();
  await rig.quiet();
  assert.deepEqual(rig.submitter.refusals.of('a', []), { why: [], takesNone: false });
});

test('a fault while a result is settled leaves the command to its wrapper', async () => {
  const rig = rigOf(1);
  rig.workerUp('a');
  rig.tree.settlement = new Error('internal: broken');
  const caller = rig.submit(compile);
  const attempt = await rig.nextAttempt();
  attempt.run();
  attempt.finish();
  await rig.quiet();
  assert.equal(caller.isDropped, true);
  assert.equal(rig.log.length, 1);
  assert.equal(rig.submitter.size, 0);
});

test('memory that a kind of job was seen to need is asked for', async () => {
  const rig = rigOf();
  rig.workerUp('a');
  rig.submit(compile);
  const attempt = await rig.nextAttempt();
  assert.equal(attempt.offer?.memoryBytes, 0);
  attempt.run();
  attempt.finish({ kind: 'exited', status: 0 }, 5_000_000);
  await rig.quiet();
  rig.submit(compile);
  assert.equal((await rig.nextAttempt()).offer?.memoryBytes, 5_000_000);
});

const place = { areas: ['/share'], shown: [] };

test('a worker whose system files differ is offered the job again, to be shown those of this machine', async () => {
  for (const code of ['toolchain', 'untraced'] as const) {
    const rig = rigOf();
    rig.tree.place = place;
    rig.servedWorkers.push('a');
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const first = await rig.nextAttempt();
    first.refuse(code, 'another gcc');
    const second = await rig.nextAttempt();
    assert.equal(second.name, 'a');
    second.run();
    second.finish();
    await rig.soon(() => caller.ending, 'the end');
    assert.deepEqual(rig.why(1), { reasons: ['system-differs'], details: ['another gcc'], place: 'a' });
    // It is known now of jobs of this kind, and of that worker alone.
    const [{ submission } = assert.fail()] = rig.tree.prepared;
    assert.deepEqual([rig.ways.isServed(submission, 'a'), rig.ways.isServed(submission, 'b')], [true, false]);
  }
});

test('a command that nobody understands stays on the shared tree, where what it writes is seen at once', async () => {
  const rig = rigOf();
  rig.tree.place = place;
  rig.servedWorkers.push('a');
  rig.workerUp('a');
  rig.submit(opaque);
  (await rig.nextAttempt()).refuse('toolchain', 'another sh');
  await rig.quiet();
  const [{ submission } = assert.fail()] = rig.tree.prepared;
  assert.equal(rig.ways.isServed(submission, 'a'), false);
  assert.ok(!rig.why(1).reasons.includes('system-differs'));
});

test('what cannot be proven on a shared tree is tried again in the files of this machine, once', async () => {
  const rig = rigOf(1);
  rig.tree.place = place;
  rig.servedWorkers.push('a');
  rig.workerUp('a');
  rig.tree.settlement = { kind: 'inline', detail: 'it asked another process' };
  const caller = rig.submit(compile);
  const first = await rig.nextAttempt();
  first.run();
  first.finish();
  const second = await rig.nextAttempt();
  rig.tree.settlement = { kind: 'final', proven: true };
  second.run();
  second.finish();
  await rig.soon(() => caller.ending, 'the end');
  assert.deepEqual(rig.why(1).reasons, ['system-differs']);
});

test('a file that only this machine can read, found when the command is offered, keeps it here', async () => {
  const rig = rigOf(1);
  rig.tree.place = place;
  rig.tree.needsServing = true;
  rig.tree.unprovable = '/share/p is not a regular file';
  rig.servedWorkers.push('a');
  rig.workerUp('a');
  const caller = rig.submit(compile);
  await rig.soon(() => caller.inline, 'it runs here');
  assert.match(caller.inline ?? '', /^unprovable: /);
  assert.deepEqual([rig.tree.prepared.length, rig.attempts.length], [1, 0]);
  assert.deepEqual(rig.why(1).details, ['/share/p is not a regular file']);
});

test('a served command holds a dialogue, also when its answer comes before the word that it has read', async () => {
  for (const [first, second] of [
    ['answer', 'word'],
    ['word', 'answer'],
  ]) {
    const rig = rigOf();
    rig.tree.serves = true;
    rig.workerUp('a');
    const caller = rig.submit(opaque, { stdin: 'pipe' });
    const attempt = await rig.nextAttempt();
    attempt.run();
    await rig.soon(() => caller.stdinTakenBytes === 0, 'stdin is asked for');
    caller.stdin('go\n');
    const say = { answer: () => attempt.print('STDOUT', 'ready\n'), word: () => attempt.takeStdin(3) };
    say[first as keyof typeof say]();
    await rig.quiet();
    rig.clock.pass(60_000);
    assert.equal(caller.stdout, '', 'it might have read nothing, and be started again');
    say[second as keyof typeof say]();
    await rig.quiet();
    rig.clock.pass(1_000);
    await rig.soon(() => caller.stdout === 'ready\n', 'the answer');
  }
});
