/** Helpers that hang, and those that only seem to; processes are real. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
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

test('one that a single wait for a disk holds up is given up later, one that waits again and again is not', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'helper-watch-'));
  t.after(() => rmSync(directory, { recursive: true }));
  // Who has made a child by vfork waits for it as for a disk.
  const source = (childs: string, own: string): string => `#define _GNU_SOURCE
    #include <signal.h>
    #include <sys/prctl.h>
    #include <unistd.h>
    int main(void) {
      for (;;) if (vfork() == 0) { prctl(PR_SET_PDEATHSIG, SIGKILL); ${childs}; _exit(0); }
      else { ${own}; }
    }`;
  const program = (name: string, childs: string, own = ''): ChildProcess => {
    writeFileSync(path.join(directory, `${name}.c`), source(childs, own));
    execFileSync('gcc', ['-o', name, `${name}.c`], { cwd: directory });
    return running(t, `exec ${path.join(directory, name)}`);
  };
  const [held, slow] = [program('held', 'pause()'), program('slow', 'usleep(30000)')];
  const mixed = program('mixed', 'usleep(150000)', 'usleep(25000)');
  await until(() => stateOf(held) === 'D' && stateOf(slow) === 'D', 5_000, 'they wait');
  const [asleep, one, many] = [watched(t, running(t, 'exec sleep 1000')), watched(t, held), watched(t, slow)];
  const other = watched(t, mixed);
  await until(() => asleep.hung.length > 0, 5_000, 'one that sleeps is given up');
  assert.deepEqual(one.hung, []);
  await until(() => one.hung.length > 0, 5_000, 'it is given up');
  assert.deepEqual(
    [other.hung, one.hung, many.hung],
    [[], ['it waits for a disk or file server that does not answer'], []],
  );
});
