import assert from 'node:assert/strict';
import { test } from 'node:test';
import { traceOf } from '../../../src/cli/trace/chrome.ts';
import { parseTraceFile } from '../../../src/web/trace-file.ts';
import type { Explanation } from '../../../src/wire/cli-messages.ts';

function jobOf(job: number, steps: Explanation['steps'], more: Partial<Explanation> = {}): Explanation {
  return {
    job,
    command: `gcc -c ${job}.c`,
    cwd: '/share',
    place: 'a',
    ending: 'exited 0',
    reasons: [{ reason: 'busy', meaning: '', peer: 'b' }],
    details: [],
    startedAtMs: 1_000,
    endedAtMs: 1_100,
    outputs: [`/share/${job}.o`],
    steps,
    ...more,
  };
}

const elsewhere = [
  { kind: 'read', atMs: 2, text: '' },
  { kind: 'offered', atMs: 4, text: '', peer: 'a' },
  { kind: 'started', atMs: 20, text: '', peer: 'a' },
  { kind: 'result', atMs: 80, text: '', peer: 'a' },
] as const;
const here = [{ kind: 'inline', atMs: 10, text: '' }] as const;

test('what trace has written is read back: each run with its machine, times, outcome and reasons', () => {
  const jobs = [
    jobOf(1, elsewhere),
    jobOf(2, elsewhere, { ending: 'exited 1' }),
    jobOf(3, here, { place: 'inline', command: 'ls \u001b[31m', outputs: [] }),
  ];
  const trace = parseTraceFile(JSON.stringify(traceOf(jobs, 'me', () => undefined, 2_000)));
  assert.ok(typeof trace !== 'string', 'it is taken');
  assert.deepEqual(trace.machines, ['me (here)', 'a']);
  assert.deepEqual([trace.fromMs, trace.toMs], [1_000, 1_100]);
  assert.deepEqual(
    trace.runs.map(({ job, peer, outcome, fromMs, toMs, waitedMs, kind }) => [
      job,
      peer,
      outcome,
      fromMs,
      toMs,
      waitedMs,
      kind,
    ]),
    [
      [3, 'me (here)', 'here', 1_010, 1_100, 10, 'other'],
      [1, 'a', 'elsewhere', 1_020, 1_080, 20, 'compile'],
      [2, 'a', 'failed', 1_020, 1_080, 20, 'compile'],
    ],
  );
  assert.deepEqual(trace.runs[1]?.reasons, ['busy (b)']);
  assert.ok(trace.runs.every(({ submitter }) => submitter === 'me'));
  assert.equal(trace.runs[0]?.command, 'ls \\u001b[31m', 'shown harmless');
});

test('another file is refused with a sentence, and odd events are no trouble', () => {
  const fault = (json: string) => {
    const told = parseTraceFile(json);
    return typeof told === 'string' ? told : 'it is taken';
  };
  assert.match(fault('{'), /is not JSON/);
  for (const json of ['null', '[]', '{}', '{"traceEvents":7}'])
    assert.match(fault(json), /has no traceEvents/);
  assert.match(fault('{"traceEvents":[null,7,{}]}'), /No job ran/);
  const odd = parseTraceFile('{"traceEvents":[{"ph":"X","name":{},"ts":"x","args":{"reasons":[{}]}}]}');
  assert.ok(typeof odd !== 'string');
  assert.deepEqual([odd.runs[0]?.title, odd.runs[0]?.fromMs], ['', 0]);
});
