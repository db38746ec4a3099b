import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JobWrites } from '../../../../src/peer/submit/job-writes.ts';

test('an output, and its directory, are of the job that writes it while that runs and at the time asked for', () => {
  const writes = new JobWrites();
  writes.begin(1, ['/s/out/a.o']);
  writes.begin(2, []);
  for (const path of ['/s/out/a.o', '/s/out']) {
    assert.equal(writes.isOfOthers(2, path, 100), true, path);
    assert.equal(writes.isOfOthers(1, path, 100), false, path);
  }
  assert.equal(writes.isOfOthers(2, '/s/out/b.o', 100), false);
  assert.equal(writes.isOfOthers(2, '/s', 100), false);
  writes.end(1, 150);
  assert.equal(writes.isOfOthers(2, '/s/out/a.o', 150), true);
  assert.equal(writes.isOfOthers(2, '/s/out/a.o', 151), false);
});

test('of jobs that have ended only the newest are kept', () => {
  const writes = new JobWrites();
  for (let job = 1; job <= 1_025; job += 1) {
    writes.begin(job, [`/s/${job}.o`]);
    writes.end(job, job);
  }
  assert.equal(writes.isOfOthers(0, '/s/1.o', 0), false);
  assert.equal(writes.isOfOthers(0, '/s/2.o', 0), true);
});
