import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../../../src/peer/explain/ledger.ts';

function ledgerOf(mostBytes?: number) {
  const clock = { nowMs: 1_000 };
  return { clock, ledger: new Ledger(() => clock.nowMs, mostBytes === undefined ? {} : { mostBytes }) };
}

test('five thousand jobs are remembered, and the oldest one makes room', () => {
  const { ledger } = ledgerOf();
  for (let job = 1; job <= 5_001; job += 1) ledger.open(job, 'g++ -c a.cc', '/share');
  assert.equal(ledger.record(1), undefined);
  assert.equal(ledger.record(2)?.job, 2);
  assert.deepEqual(
    ledger.newest(2).map(({ job }) => job),
    [5_001, 5_000],
  );
});

test('what is remembered is bounded in bytes, by what steps add too', () => {
  const { ledger } = ledgerOf(10_000);
  for (let job = 1; job <= 20; job += 1) ledger.open(job, 'g++', '/share');
  assert.equal(ledger.from(0, 99_999).length, 20);
  for (let step = 0; step < 100; step += 1) ledger.detail(20, 'x'.repeat(1_000));
  const left = ledger.from(0, 99_999);
  assert.deepEqual(
    left.map(({ job }) => job),
    [20],
  );
  assert.ok(left[0] !== undefined && left[0].steps.length <= 64, 'a job does not grow for ever');
  for (let job = 21; job <= 1_000; job += 1) ledger.open(job, 'x'.repeat(500), '/share');
  const kept = ledger.from(0, 99_999).length;
  assert.ok(kept >= 10 && kept <= 13, `${kept} jobs of about 760 bytes fit 10,000`);
});

test('jobs are found by the path that they write, or by its last part', () => {
  const { ledger } = ledgerOf();
  for (const [job, outputs] of [
    [1, '/share/a.o\n/share/a.d'],
    [2, '/share/sub/a.o'],
    [3, '/share/a.o'],
    [4, '/share/aa.o'],
    [5, '/share/sub/a.d'],
  ] as const) {
    ledger.open(job, 'g++', '/share');
    ledger.writes(job, outputs);
  }
  const jobs = (path: string) => ledger.writersOf(path, 9).map(({ job }) => job);
  assert.deepEqual(jobs('/share/a.o'), [3, 1]);
  assert.deepEqual(jobs('/share/a.d'), [1]);
  assert.deepEqual(jobs('/link/to/share/a.o'), [3, 2, 1]);
  assert.deepEqual(jobs('/share/b.o'), []);
});

test('a build begins with the first job after a pause without any', () => {
  const { clock, ledger } = ledgerOf();
  const run = (job: number, place: string) => {
    ledger.open(job, 'g++', '/share');
    if (place === 'inline') ledger.inline(job, 'own-slot', []);
    ledger.close(job, place, 'ended');
  };
  run(1, 'inline');
  clock.nowMs += 10_001;
  run(2, 'a');
  ledger.open(3, 'g++', '/share');
  ledger.note(3, 'busy', 'a');
  clock.nowMs += 60_000;
  run(4, 'inline');
  run(5, 'inline');
  const { build } = ledger;
  assert.deepEqual(
    [build.startedAtMs, build.firstJob, build.jobs, build.elsewhere, build.unfinished],
    [11_001, 2, 4, 1, 1],
  );
  assert.deepEqual(build.ranHere(), [{ reason: 'own-slot', count: 2, job: 5 }]);
  assert.deepEqual(build.noted(), [{ reason: 'busy', count: 1, job: 3 }]);
  ledger.close(3, 'a', 'exited 0');
  ledger.close(3, 'a', 'exited 0');
  assert.equal(build.elsewhere, 2, 'a job ends once');
});

test('those who watch are told each job until it has ended, and each end once', () => {
  const { ledger } = ledgerOf();
  for (const job of [1, 2, 3]) ledger.open(job, 'g++', '/share');
  const ids = (records: readonly { job: number }[]) => records.map(({ job }) => job);
  ledger.close(3, 'x', 'exited 0');
  ledger.close(1, 'x', 'exited 0');
  assert.deepEqual(ids(ledger.unended(9)), [2]);
  assert.deepEqual(ids(ledger.endedAfter(0, 9)), [3, 1], 'in the order of their ends');
  assert.deepEqual(ids(ledger.endedAfter(0, 1)), [3]);
  assert.deepEqual(ids(ledger.endedAfter(1, 9)), [1]);
  assert.deepEqual(ids(ledger.endedAfter(ledger.ended, 9)), []);
});

test('jobs that made room are not told of to live views, ended or not', () => {
  const { ledger } = ledgerOf(3_000);
  for (let job = 1; job <= 100; job += 1) {
    ledger.open(job, 'g++', '/share');
    if (job % 2 === 0) ledger.close(job, 'a', 'exited 0');
  }
  const kept = ledger.from(0, 999).map(({ job }) => job);
  assert.ok(kept.length < 20);
  const told = [...ledger.unended(999), ...ledger.endedAfter(0, 999)].map(({ job }) => job);
  assert.deepEqual(
    told.toSorted((a, b) => a - b),
    kept,
  );
});
