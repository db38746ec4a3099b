/** What the submitter does with jobs, callers and workers, over whatever streams. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { madePayload } from '../../src/wire/frame.ts';
import { type Streams, SubmitterRig } from '../rig/submitter-rig.ts';

/** Its output is renamed: another attempt may start at once. */
export const compile = ['gcc', '-c', 'a.c', '-o', 'a.o'];
/** It writes in place: another attempt waits until the last one writes no more. */
export const opaque = ['./generate', 'x'];

export function keepsSubmitterContract(createStreams: () => Promise<Streams>): void {
  const contract = (name: string, ownSlots: number, check: (rig: SubmitterRig) => Promise<void>): void => {
    test(`the submitter: ${name}`, async () => {
      await using rig = new SubmitterRig(await createStreams(), ownSlots);
      await check(rig);
    });
  };

  contract('a job goes to a worker and its end comes back', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const attempt = await rig.nextAttempt();
    assert.deepEqual(attempt.frames, ['ARGV', 'ENV', 'OFFER']);
    assert.deepEqual([attempt.offer?.job, attempt.offer?.attempt], [1, 1]);
    assert.equal(rig.watched.get('a'), 1);
    attempt.run();
    attempt.print('STDERR', 'a.c: warning\n');
    attempt.print('STDOUT', 'hello\n');
    attempt.finish({ kind: 'exited', status: 3 });
    await rig.soon(() => caller.ending, 'the end');
    assert.deepEqual(caller.ending, { kind: 'exited', status: 3 });
    assert.deepEqual([caller.stdout, caller.stderr], ['hello\n', 'a.c: warning\n']);
    assert.deepEqual([rig.why(1).place, rig.submitter.size, rig.watched.get('a')], ['a', 0, 0]);
  });

  contract('a death by signal comes back as one', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const attempt = await rig.nextAttempt();
    attempt.run();
    attempt.finish({ kind: 'signaled', signal: 11, core: true });
    await rig.soon(() => caller.ending, 'the end');
    assert.deepEqual(caller.ending, { kind: 'signaled', signal: 11, core: true });
  });

  contract('what one worker refuses goes to another one', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const refusing = await rig.nextAttempt();
    rig.workerUp('b');
    refusing.refuse('toolchain', 'gcc is 13 here, and 14 there');
    const taking = await rig.nextAttempt();
    assert.deepEqual([taking.name, taking.offer?.attempt], ['b', 2]);
    taking.run();
    taking.finish();
    await rig.soon(() => caller.ending, 'the end');
    assert.deepEqual(rig.why(1).reasons, ['toolchain']);
    assert.deepEqual(rig.why(1).details, ['gcc is 13 here, and 14 there']);
    assert.deepEqual(rig.submitter.refusals.of('a', []).why, ['toolchain: gcc is 13 here, and 14 there']);
    assert.equal(rig.submitter.refusals.of('b', []).takesNone, false);
  });

  contract('the worker that is lost leaves its job to another one', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const lost = await rig.nextAttempt();
    rig.workerUp('b');
    lost.run();
    lost.print('STDERR', 'half a warn');
    lost.channel.abort();
    const second = await rig.nextAttempt();
    assert.deepEqual([second.name, second.offer?.attempt], ['b', 2]);
    second.run();
    second.print('STDERR', 'a warning\n');
    second.finish();
    await rig.soon(() => caller.ending, 'the end');
    assert.equal(caller.stderr, 'a warning\n');
    assert.deepEqual(rig.why(1).reasons, ['lost-peer']);
    assert.deepEqual(rig.tree.discarded, ['1.1']);
  });

  contract(
    'what writes in place starts elsewhere only when the lost worker writes no more',
    0,
    async (rig) => {
      rig.workerUp('a');
      rig.submit(opaque);
      const lost = await rig.nextAttempt();
      rig.workerUp('b');
      lost.run();
      lost.channel.abort();
      await rig.soon(() => rig.why(1).reasons.includes('lost-peer'), 'the loss');
      rig.clock.pass(999);
      await rig.quiet();
      assert.equal(rig.attempts.length, 1);
      rig.clock.pass(1);
      assert.equal((await rig.nextAttempt()).name, 'b');
    },
  );

  contract('an attempt that was given up is ended, and its late result is dropped', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const frozen = await rig.nextAttempt();
    frozen.run();
    await rig.soon(() => [...rig.dispatcher.jobs.values()][0]?.stage === 'started', 'its start');
    rig.workerUp('b');
    rig.submitter.apply({ type: 'peer-suspect', peer: 'a' });
    const second = await rig.nextAttempt();
    frozen.print('STDOUT', 'late');
    frozen.channel.send('RESULT', madePayload(Buffer.from('{}')));
    await rig.soon(() => frozen.end, 'the end of the frozen attempt');
    assert.equal(frozen.end, 'lost');
    second.run();
    second.print('STDOUT', 'in time');
    second.finish();
    await rig.soon(() => caller.ending, 'the end');
    assert.equal(caller.stdout, 'in time');
  });

  contract('a job is called back from a queue when a slot is idle elsewhere', 0, async (rig) => {
    rig.workerUp('a');
    const first = rig.submit(compile);
    const running = await rig.nextAttempt();
    running.run();
    rig.submit(compile);
    const waiting = await rig.nextAttempt();
    assert.equal(waiting.name, 'a');
    waiting.accept({ running: 1, queued: 1 });
    await rig.soon(() => rig.dispatcher.holding.size === 1, 'its place in the queue');
    rig.workerUp('b');
    await rig.soon(() => waiting.has('RECALL'), 'a recall');
    waiting.giveBack();
    const again = await rig.nextAttempt();
    assert.deepEqual([again.name, again.offer?.job, again.offer?.attempt], ['b', 2, 2]);
    assert.deepEqual(rig.why(2).reasons, ['recalled']);
    running.finish();
    await rig.soon(() => first.ending, 'the end of the first');
  });

  contract('after three attempts that came to nothing it runs here', 1, async (rig) => {
    for (const name of ['a', 'b', 'c', 'd']) rig.workerUp(name);
    const caller = rig.submit(compile);
    (await rig.nextAttempt()).channel.abort();
    (await rig.nextAttempt()).failToSpawn('no more processes');
    rig.tree.settlement = { kind: 'again', reason: 'output-unseen', detail: 'not seen' };
    const third = await rig.nextAttempt();
    third.run();
    third.finish();
    await rig.soon(() => caller.inline, 'inline');
    assert.match(caller.inline ?? '', /^retries-used-up: /);
    const { reasons, details } = rig.why(1);
    assert.deepEqual(reasons, ['lost-peer', 'spawn-failed', 'output-unseen', 'retries-used-up']);
    assert.deepEqual(details, [
      'it reset the stream, or the connection to it ended',
      'no more processes',
      'not seen',
    ]);
    assert.equal(new Set(rig.attempts.map(({ name }) => name)).size, 3);
  });

  contract('a command that its mode forbids to run is told so here, at once', 1, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(opaque);
    const attempt = await rig.nextAttempt();
    attempt.accept();
    attempt.failToSpawn('exec EACCES');
    await rig.soon(() => caller.inline, 'inline');
    assert.match(caller.inline ?? '', /^unprovable: /);
    const { reasons, details } = rig.why(1);
    assert.deepEqual([reasons, details], [['unprovable'], ['exec EACCES']]);
  });

  contract('garbage from a worker loses that attempt, nothing else', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const garbled = await rig.nextAttempt();
    rig.workerUp('b');
    garbled.channel.send('ACCEPTED', madePayload(Buffer.from('{}')));
    const second = await rig.nextAttempt();
    assert.equal(garbled.end, 'lost');
    second.run();
    second.finish();
    await rig.soon(() => caller.ending, 'the end');
    assert.deepEqual(rig.why(1).details, ['it sent what is no message']);
  });

  contract('stdin that no attempt has read is sent to the next one', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(opaque, { stdin: 'pipe' });
    const lost = await rig.nextAttempt();
    assert.equal(lost.offer?.stdin, 'pipe');
    assert.equal(caller.stdinTakenBytes, undefined);
    lost.run();
    await rig.soon(() => caller.stdinTakenBytes === 0, 'stdin is asked for');
    caller.stdin('one ');
    caller.stdin('two');
    caller.stdinEnd();
    await rig.soon(() => lost.has('STDIN_END'), 'stdin comes');
    assert.equal(lost.stdin, 'one two');
    rig.workerUp('b');
    lost.channel.abort();
    await rig.soon(() => rig.why(1).reasons.includes('lost-peer'), 'the loss');
    rig.clock.pass(1_000);
    const second = await rig.nextAttempt();
    second.run();
    await rig.soon(() => second.has('STDIN_END'), 'stdin comes again');
    assert.equal(second.stdin, 'one two');
    second.takeStdin(7);
    second.finish();
    await rig.soon(() => caller.ending, 'the end');
    assert.equal(caller.stdinTakenBytes, 7);
  });

  contract('the caller goes, and its command is ended on the worker', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const attempt = await rig.nextAttempt();
    attempt.run();
    caller.leave();
    await rig.soon(() => attempt.end, 'the end at the worker');
    assert.equal(attempt.end, 'lost');
    assert.deepEqual(rig.why(1).reasons, ['cancelled']);
    assert.deepEqual([rig.submitter.size, rig.tree.discarded], [0, ['1.1']]);
  });

  contract('signals go where the command runs', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const attempt = await rig.nextAttempt();
    attempt.run();
    await rig.soon(() => [...rig.dispatcher.jobs.values()][0]?.stage === 'started', 'its start');
    caller.signal(15);
    await rig.soon(() => attempt.signals.length > 0, 'the signal');
    rig.tree.settlement = { kind: 'final', proven: false };
    attempt.finish({ kind: 'signaled', signal: 15, core: false });
    await rig.soon(() => caller.ending, 'the end');
    assert.deepEqual(attempt.signals, [15]);
    assert.deepEqual(caller.ending, { kind: 'signaled', signal: 15, core: false });
  });

  contract('a job that was stopped is so on the next worker, until it is continued', 0, async (rig) => {
    rig.workerUp('a');
    const caller = rig.submit(compile);
    const lost = await rig.nextAttempt();
    lost.run();
    await rig.soon(() => [...rig.dispatcher.jobs.values()][0]?.stage === 'started', 'its start');
    caller.signal(20);
    await rig.soon(() => lost.signals.length > 0, 'the stop');
    rig.workerUp('b');
    lost.channel.abort();
    const second = await rig.nextAttempt();
    second.run();
    await rig.soon(() => second.signals.length > 0, 'the stop there');
    caller.signal(18);
    await rig.soon(() => second.signals.length > 1, 'it goes on');
    assert.deepEqual([lost.signals, second.signals], [[20], [20, 18]]);
    second.finish();
    await rig.soon(() => caller.ending, 'the end');
  });

  contract(
    'more output than is held goes on as it comes, and credit follows what has left',
    0,
    async (rig) => {
      rig.workerUp('a');
      const caller = rig.submit(compile);
      const attempt = await rig.nextAttempt();
      attempt.run();
      caller.isStalled = true;
      const piece = 'x'.repeat(64_000);
      for (let sent = 0; sent < 13; sent += 1) attempt.print('STDOUT', piece);
      await rig.soon(() => caller.stdout.length === 13 * piece.length, 'output comes before the end');
      assert.equal(attempt.creditBytes, 0);
      caller.goOn();
      await rig.soon(() => attempt.creditBytes > 0, 'credit');
      assert.ok(attempt.creditBytes >= 256 * 1024 && attempt.creditBytes <= 13 * piece.length);
      assert.ok(attempt.frames.filter((type) => type === 'CREDIT').length <= 3, 'small grants are saved up');
      attempt.finish();
      await rig.soon(() => caller.ending, 'the end');
    },
  );
}
