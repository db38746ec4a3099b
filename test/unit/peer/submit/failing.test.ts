/** What an opaque command that failed is taken to have done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttemptView } from '../../../../src/core/view/job-view.ts';
import { effectOf } from '../../../../src/peer/submit/failing.ts';
import { JobWrites } from '../../../../src/peer/submit/job-writes.ts';
import type { Submission } from '../../../../src/peer/submit/submission.ts';
import type { JobEnd } from '../../../../src/wire/job-messages.ts';

test('a command after which not all could be looked at may have changed something', () => {
  const end: JobEnd = {
    kind: 'ended',
    ending: { kind: 'exited', status: 1 },
    report: {} as JobEnd['report'],
    maxRssBytes: 0,
    userMs: 0,
    systemMs: 0,
    wallMs: 1,
    left: 0,
    outputs: [],
  };
  const effect = (each: JobEnd) =>
    effectOf({ id: 1 } as Submission, { offeredMs: 0 } as AttemptView, each, new JobWrites());
  assert.equal(effect(end), undefined);
  assert.equal(
    effect({ ...end, unscanned: 'more than 9 names are there' }),
    'changed what was not looked at: more than 9 names are there',
  );
});
