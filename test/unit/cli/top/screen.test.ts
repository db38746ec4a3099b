import assert from 'node:assert/strict';
import { test } from 'node:test';
import stringWidth from 'string-width';
import { renderTop, type TopInput } from '../../../../src/cli/top/screen.ts';
import type { Run } from '../../../../src/web/messages.ts';
import type { PeerStatus } from '../../../../src/wire/cli-messages.ts';

function peer(id: string, slots: number, running: number, more: Partial<PeerStatus> = {}): PeerStatus {
  return {
    id,
    name: id,
    addresses: [],
    slots,
    running,
    queued: 0,
    load: 0.5,
    memoryFreeBytes: 2 ** 31,
    ageMs: 0,
    rttMs: 1,
    state: 'ready',
    reasons: [],
    ways: ['direct'],
    doneForMe: 0,
    doneByMe: 0,
    ...more,
  };
}

function running(job: number, id: string): Run {
  return {
    key: `${job}.0`,
    job,
    submitter: 'me',
    title: `file-${job}.o`,
    cwd: '/',
    command: 'gcc',
    kind: 'compile',
    peer: id,
    fromMs: 1_000 - job,
    outcome: 'running',
    ending: '',
    reasons: [],
    waitedMs: 0,
  };
}

function input(peers: readonly PeerStatus[], runs: readonly Run[], columns: number, rows: number): TopInput {
  const [self = peer('me', 1, 0), ...others] = peers;
  const jobs = { running: runs.length, queued: 3, done: 9, remote: 8, inline: 1, failed: 0, retried: 2 };
  return {
    moment: {
      status: { version: '1', self, peers: others, jobs, reasons: [], warnings: [] },
      build: {
        firstJob: 1,
        startedAtMs: 0,
        jobs: 9,
        elsewhere: 8,
        unfinished: 0,
        here: [
          {
            reason: 'own-slot',
            count: 1,
            meaning: 'all remote slots were taken',
            job: 4,
            cure: 'add machines',
          },
        ],
        noted: [],
      },
      hosted: [{ submitter: 'hopper', jobs: 2 }],
      gain: 3.21,
      advisedJobs: 12,
      sample: { atMs: 0, jobsPerSecond: 4.5, slotsUsed: 5, slots: 8, queued: 3 },
    },
    running: runs,
    rates: new Map([['b', 2]]),
    columns,
    rows,
    nowMs: 61_000,
    paint: (_style, text) => text,
  };
}

test('a bar tells own jobs from those of others', () => {
  const lines = renderTop(
    input([peer('a', 4, 1), peer('b', 6, 5)], [running(1, 'b'), running(2, 'b')], 80, 24),
  );
  assert.match(
    lines.find((line) => line.startsWith('b ')) ?? '',
    /##\+\+\+\. +5\/6 +0 +0\.5 +2\.0 GiB +2\.0$/,
  );
  assert.match(lines.find((line) => line.startsWith('a (me)')) ?? '', /^a \(me\) +\+\.\.\. +1\/4/);
  assert.match(lines.join('\n'), /9 jobs, 8 elsewhere, 1 here; 3\.2 × alone; 2 retried, 0 failed; for/);
  assert.match(lines.join('\n'), /1 min 00 s {2}b +file-2\.o/);
  assert.match(lines.join('\n'), /1 {2}own-slot: all remote slots were taken; add machines/);
});

test('what does not fit is counted; no line is too long, whatever the names', () => {
  const peers = Array.from({ length: 100 }, (_, n) =>
    peer(
      `機械${'名'.repeat(n % 30)}-${n}`,
      1 + n * 3,
      n,
      n % 7 === 0 ? { state: 'refusing', reasons: ['memory'.repeat(30)] } : {},
    ),
  );
  const runs = Array.from({ length: 300 }, (_, job) => running(job, peers[job % 100]?.id ?? ''));
  for (const [columns, rows] of [
    [80, 23],
    [200, 59],
    [80, 12],
  ] as const) {
    const lines = renderTop(input(peers, runs, columns, rows));
    assert.equal(lines.length, rows);
    assert.deepEqual(
      lines.filter((line) => stringWidth(line) > columns),
      [],
    );
    assert.match(lines.join('\n'), /… and \d+ more machines/);
    assert.match(lines.join('\n'), /… and \d+ more jobs/);
  }
});

test('on 80 columns the head tells all of a long build, on a machine with a long name', () => {
  const wide = input([peer('workstation-of-the-graphics-team', 4, 0)], [], 80, 24);
  const { moment } = wide;
  const [first = '', second = ''] = renderTop({
    ...wide,
    moment: {
      ...moment,
      hosted: [],
      build: { ...moment.build, jobs: 9_000, elsewhere: 8_999 },
      status: { ...moment.status, jobs: { ...moment.status.jobs, retried: 12, failed: 3 } },
    },
  });
  assert.match(first, /^workstation.*: 4\.5 jobs\/s, 5 of 8 slots used, 0 running, 3 queued; -j12 /);
  assert.match(
    renderTop({ ...wide, columns: 100 })[1] ?? '',
    /3\.2 × this machine alone; 2 retried, 0 failed/,
  );
  assert.equal(second, 'build: 9000 jobs, 8999 elsewhere, 1 here; 3.2 × alone; 12 retried, 3 failed');
});

test('jobs that the status counts and of which no command runs are told, so that figures add up', () => {
  const base = input([peer('a', 4, 1)], [running(1, 'a')], 80, 24);
  const { moment } = base;
  const { status } = moment;
  const lines = (count: number, rows = 24) => {
    const jobs = { ...status.jobs, running: count };
    return renderTop({ ...base, rows, moment: { ...moment, status: { ...status, jobs } } });
  };
  assert.match(
    lines(4).join('\n'),
    /file-1\.o\n {8}3 {2}on the way to a worker, or home with what they wrote\n/,
  );
  assert.ok(!lines(1).join('\n').includes('on the way'));
  assert.equal(lines(4, 9).length, 9);
});

test('without machines and jobs it says so', () => {
  const text = renderTop(input([peer('a', 4, 0)], [], 80, 24)).join('\n');
  assert.match(text, /no job of this machine runs/);
});
