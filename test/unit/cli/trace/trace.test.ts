import assert from 'node:assert/strict';
import { test } from 'node:test';
import { traceOf } from '../../../../src/cli/trace/chrome.ts';
import { renderSummary, summarize } from '../../../../src/cli/trace/summary.ts';
import { timelineOf } from '../../../../src/cli/trace/timeline.ts';
import type { Explanation } from '../../../../src/wire/cli-messages.ts';

/** A job handed in at `at`, with steps such as `offered:a@3`. */
function jobOf(job: number, at: number, steps: string, end?: number): Explanation {
  return {
    job,
    command: `g++ -c ${job}.cc`,
    cwd: '/share',
    place: 'a',
    ending: 'exited 0',
    reasons: [{ reason: 'busy', meaning: '', peer: 'b' }],
    details: [],
    startedAtMs: at,
    ...(end === undefined ? {} : { endedAtMs: end }),
    outputs: [`/share/${job}.o`],
    steps: steps.split(' ').map((text) => {
      const [, kind = '', peer, atMs] = /^(\w+):?(\w*)@(\d+)$/.exec(text) ?? [];
      return { kind, atMs: Number(atMs), text, ...(peer === '' || peer === undefined ? {} : { peer }) };
    }),
  };
}

const plain = 'read@1 offered:a@3 viewed:a@4 accepted:a@5 started:a@6 result:a@16 committed:a@18';

test('the intervals of a job follow one another from its hand-in to its end', () => {
  assert.deepEqual(timelineOf(jobOf(1, 1_000, plain, 1_020), 0), [
    { phase: 'read', fromMs: 1_000, toMs: 1_001 },
    { phase: 'queue', fromMs: 1_001, toMs: 1_003 },
    { phase: 'view', fromMs: 1_003, toMs: 1_004 },
    { phase: 'offer', fromMs: 1_004, toMs: 1_005 },
    { phase: 'wait', fromMs: 1_005, toMs: 1_006 },
    { phase: 'run', fromMs: 1_006, toMs: 1_016, place: 'a' },
    { phase: 'commit', fromMs: 1_016, toMs: 1_020 },
  ]);
});

test('a run lasts as long as its command ran, since its worker gives the slot on before the result has come', () => {
  const phasesOf = (ranMs: number) => {
    const job = jobOf(1, 1_000, plain, 1_020);
    const steps = job.steps.map((step) => (step.kind === 'result' ? { ...step, ranMs } : step));
    return timelineOf({ ...job, steps }, 0).slice(-2);
  };
  assert.deepEqual(phasesOf(7), [
    { phase: 'run', fromMs: 1_006, toMs: 1_013, place: 'a' },
    { phase: 'commit', fromMs: 1_013, toMs: 1_020 },
  ]);
  assert.deepEqual(phasesOf(12), timelineOf(jobOf(1, 1_000, plain, 1_020), 0).slice(-2), 'nor until later');
});

test('a run after which it ran again is lost, and one that has not ended lasts until now', () => {
  const lost = jobOf(
    1,
    0,
    'read@0 offered:a@1 accepted:a@1 started:a@2 noted:a@9 offered:b@9 started:b@10 inline@20',
  );
  assert.deepEqual(
    timelineOf(lost, 50).filter(({ phase }) => phase === 'run'),
    [
      { phase: 'run', fromMs: 2, toMs: 9, place: 'a', isLost: true },
      { phase: 'run', fromMs: 10, toMs: 20, place: 'b', isLost: true },
      { phase: 'run', fromMs: 20, toMs: 50, place: 'inline' },
    ],
  );
});

test('runs stand in rows by peer and slot that never overlap, all else in pairs', () => {
  const jobs = [
    jobOf(1, 0, plain, 20),
    jobOf(2, 5, plain, 25),
    jobOf(3, 12, plain, 32),
    jobOf(4, 0, 'read@1 inline@2', 9),
  ];
  const { traceEvents } = traceOf(jobs, 'me', () => undefined, 100);
  const runs = traceEvents.filter(({ ph }) => ph === 'X').toSorted((a, b) => a.ts - b.ts);
  assert.deepEqual(
    runs.map(({ name, pid, tid, ts, dur }) => [name, pid, tid, ts, dur]),
    [
      ['4.o', 2, 0, 2_000, 7_000],
      ['1.o', 3, 0, 6_000, 10_000],
      ['2.o', 3, 1, 11_000, 10_000],
      ['3.o', 3, 0, 18_000, 10_000],
    ],
  );
  const names = traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args?.['name']);
  assert.deepEqual(names, ['jobs that do not run', 'me (here)', 'slot 1', 'a', 'slot 1', 'slot 2']);
  const count = (ph: string) => traceEvents.filter((event) => event.ph === ph).length;
  assert.equal(count('b'), count('e'));
  assert.deepEqual(runs[1]?.args?.['reasons'], ['busy (b)']);
});

test('a machine has no more rows than slots, and no two in a row overlap', () => {
  const jobs = [
    jobOf(1, 0, 'started:a@0 result:a@600', 700),
    jobOf(2, 500, 'started:a@0 result:a@300', 900),
    jobOf(3, 550, 'started:a@0 result:a@150', 800),
  ];
  const rows = (slots: number | undefined) =>
    traceOf(jobs, 'me', (peer) => (peer === 'a' ? slots : undefined), 1_000)
      .traceEvents.filter(({ ph }) => ph === 'X')
      .map(({ name, tid, ts, dur = 0 }) => [name, tid, ts / 1000, dur / 1000]);
  const [first, second, third] = [
    ['1.o', 0, 0, 600],
    ['2.o', 1, 500, 300],
    ['3.o', 2, 550, 150],
  ];
  assert.deepEqual(rows(undefined), [first, second, third], 'as many as there seem to be');
  assert.deepEqual(rows(2), [['1.o', 0, 0, 550], ['3.o', 0, 550, 150], second], 'its end was told late');
  assert.deepEqual(rows(1), [
    ['1.o', 0, 0, 500],
    ['2.o', 0, 500, 50],
    ['3.o', 0, 550, 150],
  ]);
});

test('the summary adds up, and names the longest jobs and what was lost', () => {
  const jobs = [
    jobOf(1, 0, plain, 20),
    jobOf(2, 5, plain, 25),
    { ...jobOf(4, 0, 'read@1 inline@2', 9), place: 'inline' },
  ];
  const summary = summarize(jobs, 4, 100);
  assert.deepEqual(
    [summary.jobs, summary.here, summary.wallMs, summary.runMs, summary.lostMs, summary.stragglingMs],
    [3, 1, 25, 27, 0, 16],
  );
  assert.deepEqual(summary.longest[0], { title: '1.o', place: 'a', ms: 10 });
  const text = renderSummary(summary, 4, 5);
  assert.match(text, /^3 jobs in 0\.025 s, 1 of them here; 1\.1 ran at once, of 4 slots; advised: -j5\n/);
  assert.match(text, /\n +0\.007 s {2}4\.o \(here\)$/);
  assert.equal(renderSummary(summarize([], 4, 0), 4, 5), 'No job ran on the swarm.');
});
