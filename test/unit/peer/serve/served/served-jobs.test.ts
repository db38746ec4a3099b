/** What is told of a job that ran in another machine's files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toldPathOf } from '../../../../../src/peer/serve/served/served-jobs.ts';
import { encodeResult, parseResult } from '../../../../../src/wire/job-messages.ts';
import { report } from '../../../../rig/load-report.ts';

test('the path of a fault is one that a message has room for', () => {
  const deep = `/${'d'.repeat(4094)}`;
  assert.equal(toldPathOf('/a', 'b'), '/a/b');
  assert.equal(toldPathOf('/a', ''), '/a');
  for (const name of ['n', 'n'.repeat(255)]) {
    const result = {
      kind: 'ended',
      ending: { kind: 'exited', status: 0 },
      report: report('a'),
      maxRssBytes: 0,
      userMs: 0,
      systemMs: 0,
      wallMs: 0,
      left: 0,
      outputs: [],
      faults: [{ kind: 'write', path: toldPathOf(deep, name) }],
    } as const;
    assert.doesNotThrow(() => parseResult(encodeResult(result)));
  }
});
