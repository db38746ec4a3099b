/** The worker's side, by its contract: what a submitter and a command do, and what both are told. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Refusal } from '../../../../src/peer/serve/contract.ts';
import type { HostedJob } from '../../../../src/peer/serve/hosted-job.ts';
import { HostedLog } from '../../../../src/peer/serve/hosted-log.ts';
import { readLeft } from '../../../../src/tree/tree-job.ts';
import { encodeFetch } from '../../../../src/wire/job-messages.ts';
import { outputWindowBytes } from '../../../../src/wire/limits.ts';
import { roundsOf } from '../../../rig/effort.ts';
import { FakeClock } from '../../../rig/fake-clock.ts';
import { HostRig } from '../../../rig/host-rig.ts';
import { reportOf } from '../../../rig/job-report.ts';
import { until } from '../../../rig/until.ts';

const GiB = 2 ** 30;
const seen = {
  path: '/share/a.o',
  fact: { kind: 'file', inode: '1', sizeBytes: 5, mtimeNs: '2', ctimeNs: '3' },
} as const;

test('a job is accepted, runs as offered, and its end comes with what it wrote', async () => {
  const rig = new HostRig(1);
  rig.place.facts = { outputs: [seen] };
  const end = await rig.offer('a', 7, { cwd: '/share/b', umask: 0o27, stdin: 'pipe' });
  assert.deepEqual(rig.command.argv, ['g++', 'a.cc']);
  const { cwd, umask, stdin, stdout } = rig.command.spec;
  assert.deepEqual(
    { cwd, umask, stdin, stdout },
    { cwd: '/share/b', umask: 0o27, stdin: 'pipe', stdout: 'pipe' },
  );
  assert.ok(rig.command.spec.nice > 0, 'the owner comes first');
  rig.command.start(99);
  assert.deepEqual(rig.host.pids, [99]);
  assert.equal(rig.figures.running, 1);
  rig.command.print('STDOUT', 'out');
  rig.command.print('STDERR', 'error');
  rig.clock.pass(250);
  rig.command.exit({ kind: 'exited', status: 3 }, 4_096);
  await rig.assertAtRest();
  assert.deepEqual(end.frames, ['ACCEPTED', 'STARTED', 'STDOUT', 'STDERR', 'RESULT']);
  assert.ok(end.result?.kind === 'ended');
  const { ending, maxRssBytes, wallMs, outputs, report } = end.result;
  assert.deepEqual([ending, maxRssBytes, wallMs], [{ kind: 'exited', status: 3 }, 4_096, 250]);
  assert.deepEqual(outputs, [seen]);
  assert.equal(report.running, 0, 'the report that comes with the result does not count the job');
  assert.equal(end.end, 'closed');
  assert.equal(rig.host.doneFor.get('a'), 1);
});

test('others look at what a job wrote while this thread removes what the job had to itself', async () => {
  const rig = new HostRig(1);
  const end = await rig.offer('a', 1);
  rig.command.exit();
  await rig.assertAtRest();
  assert.deepEqual(rig.place.concluding, ['look', 'own places']);
  assert.equal(end.result?.kind, 'ended');
});

for (const refusal of [
  { code: 'share', detail: 'no such share' },
  { code: 'not-member', detail: 'no file' },
  { code: 'outside-share', detail: 'a path' },
  { code: 'toolchain', detail: 'g++ differs', tool: { name: 'g++', description: 'gcc 14', parts: [] } },
  { code: 'native', detail: 'the CPU differs', cpu: 'a CPU' },
  { code: 'stale-view', detail: '/share/a.o', stale: [seen] },
] satisfies Refusal[]) {
  test(`an offer that does not pass the check is refused as ${refusal.code}, with all there is to say`, async () => {
    const rig = new HostRig(1);
    rig.place.refusal = refusal;
    const end = await rig.offer('a', 1);
    await rig.assertAtRest();
    assert.deepEqual(end.frames, ['REFUSED']);
    const { report, ...said } = end.refused ?? {};
    assert.deepEqual(said, refusal);
    assert.equal(report?.slots, 1);
    assert.equal(end.end, 'closed');
    assert.equal(rig.runner.commands.length, 0);
  });
}

test('a check that fails is a refusal too', async () => {
  const rig = new HostRig(1);
  rig.place.refusal = new Error('the disk is gone');
  const end = await rig.offer('a', 1);
  await rig.assertAtRest();
  assert.equal(end.refused?.code, 'stale-view');
  assert.match(end.refused?.detail ?? '', /the disk is gone/);
});

test('the state machine refuses what there is no room, memory or time for', async (t) => {
  await t.test('busy: slots and queue are full; the submitter is told when a slot is free', async () => {
    const rig = new HostRig(1);
    await rig.offer('a', 1);
    await rig.offer('a', 2);
    const end = await rig.offer('b', 1);
    assert.equal(end.refused?.code, 'busy');
    assert.equal(end.refused?.report?.running, 1);
    assert.deepEqual(rig.toldFree, []);
    for (const command of [0, 1].map((index) => () => rig.runner.commands[index]?.exit())) {
      command();
      await rig.quiet();
    }
    assert.deepEqual(rig.toldFree, ['b']);
    rig.clock.pass(1_000);
    await rig.assertAtRest();
  });

  await t.test('memory', async () => {
    const rig = new HostRig(2);
    rig.host.apply({ type: 'machine', load: 0, memoryFreeBytes: GiB });
    const end = await rig.offer('a', 1, { memoryBytes: 2 * GiB });
    assert.equal(end.refused?.code, 'memory');
    await rig.assertAtRest();
  });

  await t.test('owner-active', async () => {
    const rig = new HostRig(2);
    rig.host.apply({ type: 'machine', load: 2, memoryFreeBytes: GiB });
    const end = await rig.offer('a', 1);
    assert.equal(end.refused?.code, 'owner-active');
    assert.equal(end.refused?.report?.state, 'refusing');
    await rig.assertAtRest();
  });

  await t.test('leaving: what waits goes back, what runs is finished, and nothing new is taken', async () => {
    const rig = new HostRig(1);
    const running = await rig.offer('a', 1);
    const waiting = await rig.offer('a', 2);
    rig.host.apply({ type: 'leaving' });
    await rig.quiet();
    assert.deepEqual(waiting.lastWords, ['RETURNED']);
    assert.equal((await rig.offer('a', 3)).refused?.code, 'leaving');
    let release = (): void => undefined;
    rig.place.holdLooks = new Promise((resolve) => {
      release = resolve;
    });
    rig.command.exit();
    await rig.quiet();
    assert.equal(rig.host.size, 1, 'a result that is not sent yet is waited for');
    release();
    await rig.assertAtRest();
    assert.deepEqual(running.lastWords, ['RESULT']);
  });
});

test('a submitter is watched until it has been told how its job ended', async () => {
  const rig = new HostRig(1);
  let release = (): void => undefined;
  rig.place.holdLooks = new Promise((resolve) => {
    release = resolve;
  });
  await rig.offer('a', 1);
  rig.command.exit();
  await rig.quiet();
  assert.equal(rig.figures.running, 0);
  assert.equal(rig.watched.get('a'), 1, 'it may fall silent while what the job left is on its way');
  release();
  await rig.assertAtRest();
});

test('a stranger is turned away, and nothing of what it sends is read', async () => {
  const rig = new HostRig(1);
  rig.place.standings.set('evil', 'stranger');
  const ends = [];
  for (let job = 1; job <= 40; job += 1) ends.push(await rig.offer('evil', job));
  assert.equal(ends[0]?.refused?.code, 'not-member');
  assert.equal(ends.filter(({ refused }) => refused !== undefined).length, 32, 'only so many are told why');
  assert.equal(ends.at(-1)?.end, 'lost');
  assert.equal(rig.runner.commands.length, 0);
  await rig.assertAtRest();
});

test('a peer whose proof is old waits until it is shown again', async (t) => {
  await t.test('and is then served', async () => {
    const rig = new HostRig(1);
    rig.place.standings.set('a', 'lapsed');
    let prove = (_is: boolean): void => undefined;
    rig.place.proof = new Promise((resolve) => {
      prove = resolve;
    });
    const end = await rig.offer('a', 1);
    assert.deepEqual(end.frames, []);
    assert.equal(rig.host.size, 0, 'nothing of it is read');
    prove(true);
    await rig.quiet();
    rig.clock.pass(5);
    await rig.quiet();
    assert.deepEqual(end.frames, ['ACCEPTED']);
    rig.command.exit();
    await rig.assertAtRest();
  });

  for (const [what, proof] of [
    ['or is turned away', () => Promise.resolve(false)],
    ['or is turned away where nobody can tell', () => Promise.reject(new Error('no answer'))],
  ] as const) {
    await t.test(what, async () => {
      const rig = new HostRig(1);
      rig.place.standings.set('a', 'lapsed');
      rig.place.proof = proof();
      const end = await rig.offer('a', 1);
      assert.equal(end.refused?.code, 'not-member');
      assert.equal(rig.runner.commands.length, 0);
      await rig.assertAtRest();
    });
  }
});

for (const [how, leave] of [
  ['closes the stream', (rig, end) => end.channel.close()],
  ['aborts the stream', (rig, end) => end.channel.abort()],
  ['is lost', (rig, end) => end.channel.lose()],
  [
    'is said to be gone before its stream ends',
    (rig, end) => {
      rig.host.apply({ type: 'peer-down', peer: 'a' });
      end.channel.lose();
    },
  ],
] as const satisfies readonly (readonly [
  string,
  (rig: HostRig, end: Awaited<ReturnType<HostRig['offer']>>) => void,
])[]) {
  test(`a submitter that ${how}`, async (t) => {
    await t.test('while its offer is checked: the job never runs, however late the check ends', async () => {
      const rig = new HostRig(1);
      let release = (): void => undefined;
      rig.place.holdChecks = new Promise((resolve) => {
        release = resolve;
      });
      const end = await rig.offer('a', 1);
      leave(rig, end);
      await rig.quiet();
      assert.equal(rig.host.size, 0);
      release();
      await rig.quiet();
      assert.equal(rig.runner.commands.length, 0);
      await rig.assertAtRest();
    });

    await t.test('while its job waits: the job never runs', async () => {
      const rig = new HostRig(1);
      await rig.offer('b', 1);
      const end = await rig.offer('a', 1);
      leave(rig, end);
      await rig.quiet();
      rig.command.exit();
      await rig.quiet();
      assert.equal(rig.runner.commands.length, 1);
      await rig.assertAtRest();
    });

    await t.test(
      'while its job runs: it is killed, its slot is held to its end, its leftovers go',
      async () => {
        const rig = new HostRig(1);
        const end = await rig.offer('a', 1);
        rig.command.start();
        const { command } = rig;
        leave(rig, end);
        await rig.quiet();
        assert.ok(command.isKilled);
        assert.equal(rig.figures.running, 1);
        await rig.offer('b', 1);
        assert.equal(rig.runner.commands.length, 1, 'nothing else runs on the slot meanwhile');
        assert.deepEqual(rig.place.discarded, [], 'what still writes is left alone');
        command.print('STDOUT', 'last words');
        command.exit({ kind: 'signaled', signal: 15, core: false });
        assert.deepEqual(rig.place.discarded, [1]);
        assert.equal(rig.host.doneFor.get('a'), undefined);
        rig.command.exit();
        await rig.assertAtRest();
      },
    );

    for (const moment of ['while what it wrote is sent', 'before what it wrote is sent'] as const)
      await t.test(`${moment}: nothing waits for it to be taken`, async () => {
        const rig = new HostRig(1);
        const served = { tree: 't', generation: 0, areas: ['/share'] };
        const end = await rig.offer('a', 1, { served });
        end.channel.pause();
        let release = (): void => undefined;
        const held = new Promise<void>((resolve) => {
          release = resolve;
        });
        const scratch = mkdtempSync(path.join(tmpdir(), 'scratch-'));
        t.after(() => rmSync(scratch, { recursive: true }));
        const content = 'x'.repeat(1_000_000);
        mkdirSync(path.join(scratch, '0/u'), { recursive: true });
        writeFileSync(path.join(scratch, '0/u/much'), content);
        writeFileSync(
          path.join(scratch, 'report'),
          reportOf([{ kind: 'file', path: '/share/much', content }]),
        );
        let sending = 'not yet';
        rig.place.conclude = async (job) => {
          if (moment.startsWith('before')) await held;
          sending = 'on its way';
          try {
            await job.sendWritten(readLeft({ scratch, areas: ['/share'] }));
          } finally {
            sending = 'over';
          }
          return { kind: 'facts', facts: { outputs: [] } };
        };
        rig.command.exit();
        if (moment.startsWith('while'))
          await until(() => end.channel.waitsForRoom, 5_000, 'no more is taken');
        leave(rig, end);
        await rig.quiet();
        release();
        await until(() => sending === 'over', 5_000, 'it ends');
        await rig.assertAtRest();
      });
  });
}

test('a job that waits is given back when it is recalled; one that runs, or is checked, goes on', async () => {
  const rig = new HostRig(1);
  const running = await rig.offer('a', 1);
  const waiting = await rig.offer('a', 2);
  let release = (): void => undefined;
  rig.place.holdChecks = new Promise((resolve) => {
    release = resolve;
  });
  const checked = await rig.offer('a', 3);
  for (const end of [running, waiting, checked]) end.recall();
  await rig.quiet();
  assert.deepEqual(waiting.frames, ['ACCEPTED', 'RETURNED']);
  assert.equal(waiting.end, 'closed');
  assert.deepEqual([running.lastWords, checked.frames], [[], []]);
  release();
  await rig.quiet();
  rig.clock.pass(5);
  await rig.quiet();
  assert.deepEqual(checked.frames, ['ACCEPTED']);
  rig.command.exit();
  await rig.quiet();
  rig.command.exit();
  await rig.assertAtRest();
  assert.deepEqual([running.lastWords, checked.lastWords], [['RESULT'], ['RESULT']]);
});

test('that a job was accepted is said with its start, or by itself where that takes long', async () => {
  const rig = new HostRig(1);
  const quick = await rig.offer('a', 1);
  const waiting = await rig.offer('a', 2);
  assert.deepEqual([quick.frames, waiting.frames], [[], []]);
  rig.command.start();
  await rig.quiet();
  assert.deepEqual([quick.frames, waiting.frames], [['ACCEPTED', 'STARTED'], []]);
  rig.clock.pass(5);
  await rig.quiet();
  assert.deepEqual([quick.frames, waiting.frames], [['ACCEPTED', 'STARTED'], ['ACCEPTED']]);
  rig.command.exit();
  await rig.quiet();
  rig.command.exit();
  await rig.assertAtRest();
  assert.deepEqual(waiting.frames, ['ACCEPTED', 'RESULT']);
});

test('output flows as far as there is credit', async (t) => {
  const KiB64 = 'x'.repeat(64 * 1024);
  const fill = (rig: HostRig): void => {
    for (let sent = 0; sent < outputWindowBytes; sent += KiB64.length) rig.command.print('STDOUT', KiB64);
  };

  await t.test('and goes on with more', async () => {
    const rig = new HostRig(1);
    const end = await rig.offer('a', 1);
    fill(rig);
    assert.ok(rig.command.isPaused);
    await rig.quiet();
    end.credit(1);
    await rig.quiet();
    assert.ok(!rig.command.isPaused);
    rig.command.print('STDERR', KiB64);
    assert.ok(rig.command.isPaused);
    rig.command.exit();
    await rig.assertAtRest();
    assert.equal(end.outputBytes, outputWindowBytes + KiB64.length, 'and nothing of it is lost');
  });

  await t.test('which may come ahead', async () => {
    const rig = new HostRig(1);
    const end = await rig.offer('a', 1);
    end.credit(KiB64.length);
    await rig.quiet();
    fill(rig);
    assert.ok(!rig.command.isPaused);
    rig.command.exit();
    await rig.assertAtRest();
  });
});

test('a command gets the limits of its caller, and is nicer by as much more', async () => {
  const rig = new HostRig(1);
  await rig.offer('a', 1, { limits: 'core:0:-', nice: 4, backgroundMs: 9_000 });
  const { limits, nice, backgroundMs } = rig.command.spec;
  assert.deepEqual([limits, nice, backgroundMs], ['core:0:-', 9, 9_000]);
  rig.command.start();
  rig.command.exit();
  await rig.assertAtRest();
});

test('a lease is renewed for as long as its submitter is heard, and when it lapses the stream ends', async () => {
  const rig = new HostRig(1);
  const end = await rig.offer('a', 1, { leaseMs: 8_000 });
  rig.command.start();
  rig.words.set('a', rig.clock.now() + 500);
  rig.clock.pass(1_000);
  assert.equal(rig.command.renewals, 1);
  rig.clock.pass(1_000);
  assert.equal(rig.command.renewals, 1, 'there was no word');
  rig.words.set('a', rig.clock.now() + 900);
  rig.clock.pass(1_000);
  assert.equal(rig.command.renewals, 2);
  rig.command.lapse();
  await rig.quiet();
  assert.equal(end.end, 'lost');
  assert.equal(end.result, undefined);
  await rig.assertAtRest();
});

test('a job without a lease needs no words', async () => {
  const rig = new HostRig(1);
  await rig.offer('a', 1);
  rig.command.start();
  rig.words.set('a', rig.clock.now() + 500);
  rig.clock.pass(1_000);
  assert.equal(rig.command.renewals, 0);
  rig.command.exit();
  await rig.assertAtRest();
});

test('input and signals reach the command, and the submitter hears what was taken', async () => {
  const rig = new HostRig(1);
  const end = await rig.offer('a', 1, { stdin: 'pipe' });
  rig.command.start();
  rig.command.takeInput(0);
  await rig.quiet();
  assert.ok(end.has('STDIN_TAKEN'));
  end.channel.send('STDIN', Buffer.from('one '));
  end.channel.send('STDIN', Buffer.from('two'));
  end.channel.send('STDIN_END');
  end.signal(2);
  await rig.quiet();
  assert.deepEqual(
    [rig.command.input, rig.command.hasInputEnded, rig.command.signals],
    ['one two', true, [{ number: 2, toGroup: false }]],
  );
  rig.command.exit({ kind: 'signaled', signal: 2, core: false });
  await rig.assertAtRest();
  assert.ok(end.result?.kind === 'ended');
  assert.deepEqual(end.result.ending, { kind: 'signaled', signal: 2, core: false });
});

test('a job that is offered again', async (t) => {
  await t.test('while it is here is refused, and goes on', async () => {
    const rig = new HostRig(2);
    const first = await rig.offer('a', 1, { attempt: 1 });
    const second = await rig.offer('a', 1, { attempt: 2 });
    assert.equal(second.refused?.code, 'busy');
    rig.command.exit();
    await rig.assertAtRest();
    assert.deepEqual([first.lastWords, rig.runner.commands.length], [['RESULT'], 1]);
  });

  await t.test('while its first attempt is being killed is refused, and accepted after that', async () => {
    const rig = new HostRig(2);
    const first = await rig.offer('a', 1, { attempt: 1 });
    const { command } = rig;
    first.channel.close();
    await rig.quiet();
    assert.equal((await rig.offer('a', 1, { attempt: 2 })).refused?.code, 'busy');
    command.exit();
    const third = await rig.offer('a', 1, { attempt: 3 });
    rig.clock.pass(5);
    await rig.quiet();
    assert.deepEqual(third.frames, ['ACCEPTED']);
    assert.notEqual(rig.command, command);
    rig.command.exit();
    await rig.assertAtRest();
    assert.deepEqual(third.lastWords, ['RESULT']);
  });

  await t.test('by another submitter is another job', async () => {
    const rig = new HostRig(2);
    const ends = [await rig.offer('a', 1), await rig.offer('b', 1)];
    for (const command of rig.runner.commands) command.exit();
    await rig.assertAtRest();
    assert.deepEqual(
      ends.map((end) => end.lastWords),
      [['RESULT'], ['RESULT']],
    );
  });
});

test('a command that never ran', async (t) => {
  for (const [what, fail, detail] of [
    ['could not be started', (rig) => rig.command.failToSpawn('exec ENOENT'), /exec ENOENT/],
    ['was lost with its runner', (rig) => rig.command.loseRunner(), /runner was lost/],
  ] as const satisfies readonly (readonly [string, (rig: HostRig) => void, RegExp])[]) {
    await t.test(`because it ${what}`, async () => {
      const rig = new HostRig(1);
      const end = await rig.offer('a', 1);
      fail(rig);
      await rig.assertAtRest();
      assert.ok(end.result?.kind === 'spawn-failed');
      assert.match(end.result.detail, detail);
      assert.equal(rig.host.doneFor.get('a'), undefined);
    });
  }
});

test('outputs that cannot be looked at are told as none, and what an opaque command changed as not known', async () => {
  for (const scan of [[], ['/share']]) {
    const rig = new HostRig(1);
    rig.place.facts = new Error('the disk is gone');
    const end = await rig.offer('a', 1, { scan });
    rig.command.exit();
    await rig.assertAtRest();
    assert.ok(end.result?.kind === 'ended');
    assert.deepEqual(end.result.outputs, []);
    assert.equal(end.result.unscanned, scan.length > 0 ? 'Error: the disk is gone' : undefined);
    assert.match(rig.log.join(), /the disk is gone/);
  }
});

test('what has no place on the stream of a job ends it, and the job with it', async (t) => {
  await t.test('before the offer is whole', async () => {
    const rig = new HostRig(1);
    const end = rig.open('a');
    end.channel.send('ARGV', Buffer.from('g++'));
    end.recall();
    await rig.quiet();
    assert.equal(end.end, 'lost');
    await rig.assertAtRest();
  });

  await t.test('in the middle of a job', async () => {
    const rig = new HostRig(1);
    const end = await rig.offer('a', 1);
    end.channel.send('STARTED');
    await rig.quiet();
    assert.equal(end.end, 'lost');
    assert.ok(rig.command.isKilled);
    rig.command.exit();
    await rig.assertAtRest();
    assert.deepEqual(rig.place.discarded, [1]);
  });
});

test('an output that was not seen is sent on a stream of its own', async () => {
  const rig = new HostRig(1);
  const end = rig.open('a');
  end.channel.send('FETCH', encodeFetch({ share: '/share', path: '/share/a.o' }));
  await rig.quiet();
  assert.deepEqual(rig.place.fetched, ['/share/a.o']);
  assert.equal(end.end, 'closed');
  await rig.assertAtRest();
});

test('the end of the peer ends what runs, gives back what waits, and comes when nothing is left of either', async () => {
  const rig = new HostRig(1);
  const running = await rig.offer('a', 1);
  const waiting = await rig.offer('b', 1);
  let removed = (): void => undefined;
  rig.place.holdRemovals = new Promise((resolve) => {
    removed = resolve;
  });
  let isOver = false;
  void rig.host.endAll().then(() => {
    isOver = true;
  });
  await rig.quiet();
  assert.deepEqual([running.end, waiting.end, waiting.lastWords], ['lost', 'closed', ['RETURNED']]);
  const late = await rig.offer('b', 2);
  assert.equal(late.refused?.code, 'leaving');
  assert.deepEqual([rig.command.isKilled, isOver], [true, false]);
  rig.command.exit();
  await rig.quiet();
  assert.deepEqual([rig.place.discarded, isOver], [[1], false]);
  removed();
  await rig.quiet();
  assert.equal(isOver, true);
  assert.equal(rig.runner.commands.length, 1, 'no other was started');
  await rig.assertAtRest();
});

test('the end of the peer ends the look at what a job wrote, too', async () => {
  const rig = new HostRig(1);
  const end = await rig.offer('a', 1);
  let release = (): void => undefined;
  rig.place.holdLooks = new Promise((resolve) => {
    release = resolve;
  });
  rig.command.exit();
  await rig.quiet();
  const over = rig.host.endAll();
  await rig.quiet();
  assert.equal(end.end, 'lost');
  release();
  await over;
  assert.equal(end.result, undefined);
  await rig.assertAtRest();
});

test('the end of the peer comes though a command does not end', async () => {
  const rig = new HostRig(1);
  await rig.offer('a', 1);
  const over = rig.host.endAll();
  await rig.quiet();
  rig.clock.pass(5_000);
  await over;
  assert.equal(rig.runner.running.length, 1);
});

test('whatever happens in whatever order, every slot is free in the end and no stream has two last words', async () => {
  const step = fc.record({
    what: fc.constantFrom(
      'offer',
      'start',
      'print',
      'exit',
      'fail',
      'recall',
      'close',
      'lose',
      'down',
      'pass',
    ),
    which: fc.nat(7),
    refused: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const rig = new HostRig(2);
      for (const { what, which, refused } of steps) {
        const end = rig.streams[which % Math.max(1, rig.streams.length)];
        const { running } = rig.runner;
        const command = running[which % Math.max(1, running.length)];
        if (what === 'offer') {
          rig.place.refusal = refused ? { code: 'toolchain', detail: '' } : undefined;
          // Not waited for: what comes next may overtake the check.
          rig.open(which % 2 ? 'a' : 'b').offer({ job: 1 + (which >> 1) });
        } else if (what === 'start') command?.start();
        else if (what === 'print' && command?.isPaused === false) command.print('STDOUT', 'x');
        else if (what === 'exit') command?.exit();
        else if (what === 'fail') command?.failToSpawn('exec EAGAIN');
        else if (what === 'recall') end?.recall();
        else if (what === 'close') end?.channel.close();
        else if (what === 'lose') end?.channel.lose();
        else if (what === 'down') {
          // Its streams end with it.
          const peer = which % 2 ? 'a' : 'b';
          rig.host.apply({ type: 'peer-down', peer });
          for (const { channel } of rig.streams.filter((stream) => stream.peer === peer)) channel.lose();
        } else if (what === 'pass') rig.clock.pass(60);
        if (which % 3 === 0) await rig.quiet();
      }
      for (let most = rig.streams.length; most >= 0; most -= 1) {
        await rig.quiet();
        for (const command of rig.runner.running) command.exit();
      }
      rig.clock.pass(1_000);
      await rig.assertAtRest();
      const open = rig.streams.filter(({ end, channel }) => end === undefined && channel.isOpen);
      assert.deepEqual(open, [], 'nobody waits for ever');
    }),
    { numRuns: roundsOf({ brief: 30, full: 300 }) },
  );
});

test('while a live view looks, what runs for others is remembered with its end, and the oldest is forgotten', async () => {
  const rig = new HostRig(1);
  const { log } = rig.host;
  const runOf = (argvBytes: number): HostedJob => {
    const offer = { cwd: '/', outputs: [] };
    return { peer: 'a', argv: new Uint8Array(argvBytes), offer } as unknown as HostedJob;
  };
  log.look(0);
  await rig.offer('a', 1);
  rig.clock.pass(40);
  const [running] = log.look(0).runs;
  assert.equal(running?.submitter, 'a');
  assert.ok((running?.command.length ?? 0) > 0);
  rig.command.exit();
  await rig.assertAtRest();
  const { runs: first } = log.look(0);
  assert.deepEqual(first, [{ ...running, toMs: rig.clock.now(), ending: { kind: 'exited', status: 0 } }]);
  assert.equal((first[0]?.toMs ?? 0) - (first[0]?.fromMs ?? 0), 40);
  assert.deepEqual(log.look(1).runs, []);
  for (let job = 2; job < 2_500; job += 1) {
    const command = runOf(9_000);
    log.begin(command);
    log.end(command, undefined);
  }
  assert.equal(log.look(0).endedCount, 2_499);
  assert.equal(log.look(0).runs.length, 1_000);
  assert.equal(log.look(2_490).runs.length, 9);
  assert.ok(log.look(0).runs.every(({ command }) => command.length <= 240));
});

test('of what ended for others nothing is remembered while no live view looks', () => {
  const clock = new FakeClock();
  const log = new HostedLog(clock.now);
  const begin = (): HostedJob => {
    const job = {
      peer: 'a',
      argv: new Uint8Array(9),
      offer: { cwd: '/', outputs: [] },
    } as unknown as HostedJob;
    log.begin(job);
    return job;
  };
  const numbers = (endedBefore: number) => log.look(endedBefore).runs.map(({ number }) => number);
  log.end(begin(), undefined);
  const seenRunning = begin();
  assert.deepEqual(numbers(0), [2], 'nobody had looked when the first one ended');
  log.end(seenRunning, undefined);
  clock.pass(10_000);
  log.end(begin(), undefined);
  assert.deepEqual(numbers(1), [2, 3]);

  // The view is closed: what was remembered for it goes with the next end, or when one looks again.
  clock.pass(10_001);
  log.end(begin(), undefined);
  log.end(begin(), undefined);
  const stillRuns = begin();
  assert.deepEqual(numbers(0), [6]);
  log.end(stillRuns, undefined);
  assert.deepEqual(numbers(0), [6]);
  clock.pass(10_001);
  assert.deepEqual(numbers(0), []);
});
