import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isInTree, parseProcessStat, readProcess, readProcesses } from '../../src/machine/process-tree.ts';

/** As the kernel writes it: pid (name) state parent …, user and system time at 14 and 15, start at 22. */
const line = (name: string, state = 'S'): string =>
  `7 (${name}) ${state} 3 7 7 0 -1 4194560 100 0 0 0 12 5 900 900 20 0 1 0 4711 0 0 18446744073709551615`;

test('a process is read whatever its name holds', () => {
  const expected = { parent: 3, cpuMs: 170, startTicks: 4711, hasEnded: false };
  for (const name of ['sh', 'a b', ') R 1 1', '((', 'new\nline'])
    assert.deepEqual(parseProcessStat(line(name)), expected, name);
  assert.equal(parseProcessStat(line('sh', 'Z'))?.hasEnded, true);
  assert.equal(parseProcessStat('7 (sh) S'), undefined);
  assert.equal(parseProcessStat(''), undefined);
});

test('a real child is below this process and is not found once it has ended', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const { pid = 0 } = child;
  try {
    const all = readProcesses();
    assert.deepEqual(readProcess(pid)?.parent, process.pid);
    assert.equal(all.get(pid)?.startTicks, readProcess(pid)?.startTicks);
    assert.ok(isInTree(pid, new Set([process.pid])));
    assert.ok(isInTree(pid, new Set([pid])));
    assert.ok(!isInTree(process.pid, new Set([pid])));
    assert.ok(!isInTree(pid, new Set()));
    assert.ok(isInTree(pid, new Set([process.pid]), (at) => all.get(at)));
  } finally {
    const gone = once(child, 'exit');
    child.kill();
    await gone;
  }
  assert.equal(readProcess(pid), undefined);
  assert.ok(!isInTree(pid, new Set([process.pid])));
});

test('a circle of parents, as reused ids can make, is left', () => {
  const stat = { cpuMs: 0, startTicks: 0, hasEnded: false };
  assert.ok(!isInTree(2, new Set([9]), (pid) => ({ ...stat, parent: pid === 2 ? 3 : 2 })));
});
