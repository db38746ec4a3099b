import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from '../../../src/web/messages.ts';
import { firstFrom, TimelineRows } from '../../../src/web/timeline-rows.ts';

function run(job: number, fromMs: number, toMs?: number, peer = 'p'): Run {
  return {
    key: `${job}.0`,
    job,
    submitter: 'me',
    title: `${job}.o`,
    cwd: '/',
    command: 'gcc',
    kind: 'compile',
    peer,
    fromMs,
    ...(toMs === undefined ? {} : { toMs }),
    outcome: toMs === undefined ? 'running' : 'elsewhere',
    ending: '',
    reasons: [],
    waitedMs: 0,
  };
}

const jobsOf = (rows: TimelineRows, peer = 'p') =>
  rows.rowsOf(peer).map(({ bars }) => bars.map(({ run: { job } }) => job));

test('runs that overlap lie in rows of their own, in whatever order they are told', () => {
  const rows = new TimelineRows(100);
  rows.take([run(1, 0, 1_000), run(2, 500, 1_500), run(3, 1_000, 2_000), run(4, 2_000, 3_000)]);
  rows.take([run(5, 1_600, 1_900), run(6, 0, 400), run(7, 0, 9_000, 'other')]);
  assert.deepEqual(jobsOf(rows), [
    [1, 3, 4],
    [6, 2, 5],
  ]);
  assert.deepEqual(jobsOf(rows, 'other'), [[7]]);
});

test('a run keeps its row for itself until it ends', () => {
  const rows = new TimelineRows(100);
  rows.take([run(1, 0)]);
  rows.take([run(2, 5_000, 6_000)]);
  assert.deepEqual(jobsOf(rows), [[1], [2]]);
  rows.take([run(1, 0, 4_000), run(3, 7_000, 8_000)]);
  assert.deepEqual(jobsOf(rows), [[1, 3], [2]]);
  assert.equal(rows.size, 3);
});

test('what ends and what begins then, told at once, share a row', () => {
  const rows = new TimelineRows(100);
  rows.take([run(1, 0), run(2, 0)]);
  rows.take([run(4, 450), run(3, 400), run(2, 0, 450), run(1, 0, 400)]);
  assert.deepEqual(jobsOf(rows), [
    [1, 3],
    [2, 4],
  ]);
});

test('a machine never has more rows than slots; what was guessed is put right once ends are known', () => {
  const rows = new TimelineRows(100);
  rows.hasSlots('p', 2, false);
  rows.take([run(1, 0), run(2, 100)]);
  rows.take([run(3, 500)]);
  assert.deepEqual(jobsOf(rows), [[1, 3], [2]], 'one of both has ended, most likely the older one');
  rows.take([run(2, 100, 490)]);
  assert.deepEqual(jobsOf(rows), [[1], [2, 3]], 'it was the other');
  rows.take([run(1, 0, 1_020), run(4, 1_000, 1_200), run(5, 1_010, 1_500), run(3, 500, 1_030)]);
  assert.deepEqual(jobsOf(rows), [
    [1, 4],
    [2, 3, 5],
  ]);
});

test('slots that are told later, and rows of runs that took none', () => {
  const rows = new TimelineRows(100);
  rows.take([run(1, 0, 100), run(2, 0, 60), run(3, 50, 90)]);
  assert.equal(jobsOf(rows).length, 3);
  rows.hasSlots('p', 1, true);
  assert.equal(jobsOf(rows).length, 3, 'this machine runs more than its slots');
  rows.hasSlots('p', 2, false);
  assert.deepEqual(jobsOf(rows), [[1], [2, 3]]);
  rows.take([run(4, 1_000, 9_000), run(5, 1_000, 9_000), run(6, 2_000, 3_000)]);
  assert.equal(jobsOf(rows).length, 3, 'it had more slots then: nothing is told as late as that');
});

test('the oldest make room for the newest, of all that there is', () => {
  const rows = new TimelineRows(100);
  rows.take(Array.from({ length: 1_000 }, (_, job) => run(job, job * 100, job * 100 + 90)));
  assert.ok(rows.size <= 110, `${rows.size} are kept`);
  assert.equal(jobsOf(rows)[0]?.at(-1), 999);
});

test('the first bar from a time on is found among many', () => {
  const rows = new TimelineRows(10_000);
  rows.take(Array.from({ length: 1_000 }, (_, job) => run(job, job * 100, job * 100 + 90)));
  const [row] = rows.rowsOf('p');
  assert.ok(row !== undefined);
  assert.deepEqual(
    [-1, 0, 1, 50_000, 50_001, 1e9].map((ms) => firstFrom(row, ms)),
    [0, 0, 1, 500, 501, 1_000],
  );
});
