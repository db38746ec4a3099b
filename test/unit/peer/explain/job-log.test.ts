import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { jobLog } from '../../../../src/peer/explain/job-log.ts';
import { Ledger } from '../../../../src/peer/explain/ledger.ts';

/** What is logged of a job whose command, directory and output hold a secret. */
function logged(level: string): string[] {
  const lines: string[] = [];
  const log = pino({ level }, { write: (line: string) => lines.push(line) });
  const ledger = new Ledger(() => 1_000, jobLog(log));
  ledger.open(1, 'curl --password secret', '/secret');
  ledger.writes(1, '/secret/a.o');
  ledger.note(1, 'busy', 'a');
  ledger.close(1, 'b', 'exited 0');
  return lines;
}

test('a job has one line where debugging is on, with its reasons and nothing of its command; else none', () => {
  assert.deepEqual(logged('info'), []);
  const [line = '', ...more] = logged('debug');
  assert.deepEqual(more, []);
  const { job, place, ending, reasons, msg } = JSON.parse(line) as Record<string, unknown>;
  assert.deepEqual([job, place, ending, reasons, msg], [1, 'b', 'exited 0', ['busy'], 'job ended']);
  assert.ok(!line.includes('secret'), line);
});
