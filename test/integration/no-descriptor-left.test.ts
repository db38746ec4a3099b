/** A process at its limit of descriptors cannot look at others; that says nothing of them. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';

test('where no descriptor is left, a process that lives is not said to have ended', async () => {
  const modules = ['machine/process-tree', 'peer/submit/inline-watch'].map((name) =>
    JSON.stringify(new URL(`../../src/${name}.js`, import.meta.url).href),
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
