import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gainOf, workers } from '../../../../src/cli/live/live-swarm.ts';
import { hostedRunOf, runsOf, untoldEnds } from '../../../../src/cli/live/runs.ts';
import type { Glimpse, PeerStatus, Status } from '../../../../src/wire/cli-messages.ts';

const base: Glimpse = { job: 7, command: 'g++ -c a.cc', cwd: '/s', startedAtMs: 1_000, steps: [] };

test('each start of a job is a run, with where it was and how it came out', () => {
  const job: Glimpse = {
    ...base,
    output: '/s/a.o',
    place: 'inline',
    ending: 'ended',
    endedAtMs: 2_000,
    steps: [
      { atMs: 1, kind: 'read' },
      { atMs: 10, kind: 'offered', peer: 'x' },
      { atMs: 20, kind: 'started', peer: 'x' },
      { atMs: 100, kind: 'noted', reason: 'lost-peer', peer: 'x' },
      { atMs: 200, kind: 'inline', reason: 'retries-used-up' },
    ],
  };
  const told = runsOf(job, 'me', 9_000).map(({ peer, outcome, fromMs, toMs, kind, title }) => [
    peer,
    outcome,
    fromMs,
    toMs,
    kind,
    title,
  ]);
  assert.deepEqual(told, [
    ['x', 'lost', 1_020, 1_200, 'compile', 'a.o'],
    ['me', 'here', 1_200, 2_000, 'compile', 'a.o'],
  ]);
  assert.deepEqual(runsOf(job, 'me', 9_000)[0]?.reasons, ['lost-peer', 'retries-used-up']);
});

test('a run ends with its result, though the job waits for its files still', () => {
  const started: Glimpse = { ...base, steps: [{ atMs: 20, kind: 'started', peer: 'x' }] };
  assert.deepEqual(
    runsOf(started, 'me', 5_000).map(({ outcome, toMs }) => [outcome, toMs]),
    [['running', undefined]],
  );
  const withResult: Glimpse = {
    ...started,
    steps: [...started.steps, { atMs: 500, kind: 'result', peer: 'x' }],
  };
  assert.deepEqual(
    runsOf(withResult, 'me', 5_000).map(({ outcome, toMs }) => [outcome, toMs]),
    [['elsewhere', 1_500]],
  );
  const failed: Glimpse = { ...withResult, place: 'x', ending: 'exited 1', endedAtMs: 1_600 };
  assert.equal(runsOf(failed, 'me', 5_000)[0]?.outcome, 'failed');
});

test('the gain counts what ran since the build began, and was used', () => {
  const run = (fromMs: number, toMs: number, outcome: 'elsewhere' | 'lost' = 'elsewhere') => ({
    ...runsOf({ ...base, steps: [{ atMs: 0, kind: 'started', peer: 'x' }] }, 'me', 9)[0]!,
    fromMs,
    toMs,
    outcome,
  });
  const runs = [
    run(0, 100),
    run(1_000, 2_000),
    run(1_000, 2_000),
    run(1_000, 3_000),
    run(1_000, 2_000, 'lost'),
  ];
  assert.equal(gainOf(runs, 1_000, 1, 9_000), 2);
  assert.equal(gainOf(runs, 1_000, 4, 9_000), 0.5);
  assert.equal(gainOf(runs, undefined, 4, 9_000), undefined);
  assert.equal(gainOf([], 1_000, 4, 9_000), undefined);
});

test('a job of another machine is a run here, of that machine', () => {
  const hosted = { number: 4, submitter: 'x', command: 'gcc -c b.c', cwd: '/s', output: '/s/b.o', fromMs: 5 };
  const { key, job, submitter, peer, outcome, title, kind } = hostedRunOf(hosted, 'me');
  assert.deepEqual(
    [key, job, submitter, peer, outcome, title, kind],
    ['hosted 4', undefined, 'x', 'me', 'running', 'b.o', 'compile'],
  );
  const outcomes = ['exited 0', 'exited 1', ''].map(
    (ending) => hostedRunOf({ ...hosted, toMs: 9, ending }, 'me').outcome,
  );
  assert.deepEqual(outcomes, ['here', 'failed', 'lost']);
});

test('a peer that may not work for this machine is not in the totals', () => {
  const peer = (name: string, state: PeerStatus['state']) => ({ name, state }) as PeerStatus;
  const peers = [peer('ready', 'ready'), peer('stranger', 'refusing'), peer('silent', 'suspect')];
  const status = { self: peer('me', 'refusing'), peers } as unknown as Status;
  assert.deepEqual(
    workers(status).map(({ name }) => name),
    ['me', 'ready'],
  );
});

test('a job of another machine of whose end nothing is told does not run for ever', () => {
  const hosted = { submitter: 'x', command: 'gcc -c b.c', cwd: '/s', fromMs: 5 };
  const [one, two] = [1, 2].map((number) => hostedRunOf({ ...hosted, number }, 'me'));
  assert.ok(one !== undefined && two !== undefined);
  assert.deepEqual(untoldEnds([one, two], [two], 9), [{ ...one, toMs: 9, outcome: 'here' }]);
});
