/** Helpers that hang, and those that only seem to; processes are real. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { HelperWatch } from '../../src/tree/helper-watch.ts';
import { until } from '../rig/until.ts';

function running(t: TestContext, script: string): ChildProcess {
  const child = spawn('sh', ['-c', script], { stdio: 'ignore' });
  t.after(() => child.kill('SIGKILL'));
  return child;
}

function stateOf({ pid }: ChildProcess): string {
  return /\) (\S)/u.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? '';
}

function watched(
  t: TestContext,
  child: ChildProcess,
  options: { readonly answers?: boolean; readonly needed?: boolean } = {},
): { readonly hung: string[]; readonly asked: () => number } {
  const hung: string[] = [];
  let asked = 0;
  const watch = new HelperWatch({
    pid: child.pid ?? 0,
    ask: () => {
      asked += 1;
      return options.answers === true ? Promise.resolve() : new Promise(() => {});
    },
    isNeeded: () => options.needed ?? true,
    onHung: (why) => hung.push(why),
    lookMs: 20,
  });
  t.after(() => watch.stop());
  watch.wake();
  return { hung, asked: () => asked };
}

test('one that is stopped or sleeps and owes an answer is given up, one that is busy is not', async (t) => {
  const busy = watched(t, running(t, 'while :; do :; done'));
  const answering = running(t, 'exec sleep 1000');
  const stopped = running(t, 'exec sleep 1000');
  await until(() => stateOf(answering) === 'S' && stateOf(stopped) === 'S', 5_000, 'they sleep');
  stopped.kill('SIGSTOP');
  await until(() => stateOf(stopped) === 'T', 5_000, 'it is stopped');
  const [well, frozen, asleep] = [
    watched(t, answering, { answers: true }),
    watched(t, stopped),
    watched(t, answering),
  ];
  await until(() => frozen.hung.length + asleep.hung.length === 2, 5_000, 'both are given up');
  assert.deepEqual([frozen.hung, asleep.hung], [['it was stopped'], ['it sleeps and does not answer']]);
  // Given up once, and not those that have been looked at as long.
  await until(() => well.asked() > 8, 5_000, 'more looks');
  assert.deepEqual([frozen.hung.length, asleep.hung.length, well.hung, busy.hung], [1, 1, [], []]);
});

test('one on which nothing depends is left in peace', async (t) => {
  const child = running(t, 'exec sleep 1000');
  const idle = watched(t, child, { needed: false });
  const other = watched(t, child, { answers: true });
  await until(() => other.asked() > 5, 5_000, 'some looks');
  assert.equal(idle.asked(), 0);
});
