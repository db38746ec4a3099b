import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { isInTree, parseProcessStat, readProcess, readProcesses } from '../../../src/machine/process-tree.ts';

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

test('where no descriptor is left, a process that lives is not said to have ended', async () => {
  const modules = ['machine/process-tree', 'peer/submit/inline-watch'].map((name) =>
    JSON.stringify(new URL(`../../../src/${name}.js`, import.meta.url).href),
  );
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { readProcess } from ${modules[0]};
    import { InlineWatch, isNestedIn } from ${modules[1]};
    const take = () => {
      const taken = [];
      for (;;) try { taken.push(openSync('/dev/null')); } catch { return taken; }
    };
    const gone = [];
    const watch = new InlineWatch();
    watch.add(1, process.ppid, () => gone.push('alive'));
    watch.add(2, 0, () => gone.push('unseen'));
    let taken = take();
    let answer = 'none';
    try { answer = readProcess(process.ppid) ?? 'ended'; } catch (error) { answer = error.code; }
    const nested = isNestedIn(process.ppid, new Set([process.pid]));
    setTimeout(() => {
      taken.forEach((fd) => closeSync(fd));
      console.log(JSON.stringify({ answer, nested, gone, after: isNestedIn(process.ppid, new Set([process.pid])) }));
      process.exit();
    }, 1500);`;
  const limited = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
  const { stdout } = await promisify(execFile)('sh', ['-c', limited, process.execPath, script], {
    timeout: 30_000,
  });
  assert.deepEqual(JSON.parse(stdout), { answer: 'EMFILE', nested: true, gone: [], after: false });
});
