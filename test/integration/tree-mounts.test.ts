/** What is mounted on the submitter, or is no more, is told as a change: no event of the file system tells of it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { TreeServer } from '../../src/tree/tree-server.ts';
import { builtPrograms } from '../rig/programs.ts';
import { until } from '../rig/until.ts';

const skip =
  spawnSync('unshare', ['-Urm', 'true']).status === 0 ? false : 'no mount namespace can be made here';
let share: string;

beforeEach(() => {
  share = realpathSync(mkdtempSync(path.join(tmpdir(), 'tree-mounts-')));
  for (const name of ['a', 'b']) mkdirSync(path.join(share, name));
});
afterEach(() => rmSync(share, { recursive: true, force: true }));

test('a mount that comes or goes is told, whenever that is and whatever else happens', { skip }, async () => {
  const program = path.join(share, 'apart');
  writeFileSync(program, `#!/bin/sh\nexec unshare -Urm ${builtPrograms().swarmtree}\n`, { mode: 0o755 });
  const server = await TreeServer.start({
    program,
    shares: [share],
    never: [],
    onLost: (why) => assert.fail(why),
  });
  try {
    const there = (...argv: readonly string[]): unknown =>
      execFileSync('nsenter', ['-t', String(server.pid), '-U', '--preserve-credentials', '-m', ...argv]);
    const told = async (): Promise<string[]> =>
      (await server.barrier())
        .flatMap(({ changes }) => changes)
        .filter(({ directory }) => directory === share)
        .map(({ kind, name }) => `${kind} ${name}`);
    for (const [name, argv] of [
      ['a', ['mount', '-t', 'tmpfs', 'tree-mounts', path.join(share, 'a')]],
      ['b', ['mount', '-t', 'tmpfs', 'tree-mounts', path.join(share, 'b')]],
      ['a', ['umount', path.join(share, 'a')]],
    ] as const) {
      there(...argv);
      let changes: string[] = [];
      await until(async () => (changes = await told()).length > 0, 5_000, `${argv[0]} of ${name} is told`);
      assert.deepEqual(changes, [`name ${name}`]);
    }
  } finally {
    await server.close();
  }
});
