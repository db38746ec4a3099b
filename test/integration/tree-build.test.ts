/** Compilers in a served tree: the same bytes as at home, and nothing to ask the second time. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { builtPrograms } from '../rig/programs.ts';
import { TreeLab, treeObstacle } from '../rig/tree-lab.ts';

const skip = treeObstacle() ?? false;
const temporary = ['/tmp', '/var/tmp'];

const programs = builtPrograms();
let share: string;

before(() => {
  share = mkdtempSync(path.join(tmpdir(), 'tree-build-'));
});
after(() => {
  rmSync(share, { recursive: true, force: true });
});

/** A unit that reads some 200 headers, and a library of its own. */
function writeSources(directory: string): void {
  mkdirSync(path.join(directory, 'include'), { recursive: true });
  writeFileSync(path.join(directory, 'include/own.h'), 'int own();\n');
  writeFileSync(
    path.join(directory, 'a.cc'),
    '#include <iostream>\n#include <map>\n#include <own.h>\nint main() { std::map<std::string, int> m{{"a", own()}}; std::cout << m["a"]; }\n',
  );
  writeFileSync(path.join(directory, 'own.cc'), '#include "own.h"\nint own() { return 7; }\n');
}

const compile = ['g++', '-Iinclude', '-MD', '-c', 'a.cc', '-o', 'a.o'];

test('a compile writes what it writes at home, with and without equal files of the worker', {
  skip,
}, async () => {
  for (const useOwnFiles of [true, false]) {
    const directory = path.join(share, `bytes-${useOwnFiles}`);
    writeSources(directory);
    await using lab = await TreeLab.start({ programs, shares: [directory], mount: { useOwnFiles } });
    const served = await lab.run(compile, { areas: temporary });
    assert.equal(served.stderr, '');
    assert.equal(served.status, 0);
    assert.deepEqual(served.faults, []);
    execFileSync(compile[0] ?? '', compile.slice(1), { cwd: directory });
    for (const name of ['a.o', 'a.d']) {
      const left = readFileSync(lab.contentOf(served, path.join(directory, name)));
      assert.ok(left.equals(readFileSync(path.join(directory, name))), `${name} differs`);
    }
    const own = (await lab.figures()).fs['ownFiles'] ?? 0;
    assert.equal(own > 0, useOwnFiles);
  }
});

test('a compile that was done before asks the submitter nothing, and the kernel asks swarmfs next to nothing', {
  skip,
}, async () => {
  const directory = path.join(share, 'again');
  writeSources(directory);
  await using lab = await TreeLab.start({ programs, shares: [directory] });
  // The second run fetches access times, which reading has changed.
  for (let n = 0; n < 2; n += 1) await lab.run(compile, { areas: temporary });
  // The least of some: other programs of this machine write to /tmp as they like, and what they do is told.
  let fewestAsks = Infinity;
  let fewestRequests = Infinity;
  for (let n = 0; n < 4; n += 1) {
    const before = (await lab.figures()).fs;
    const again = await lab.run(compile, { areas: temporary, barrier: false });
    const { fs } = await lab.figures();
    assert.equal(again.status, 0);
    const more = (what: string): number => (fs[what] ?? 0) - (before[what] ?? 0);
    fewestAsks = Math.min(fewestAsks, more('asks'));
    fewestRequests = Math.min(fewestRequests, more('requests') - more('forgets'));
  }
  assert.equal(fewestAsks, 0);
  assert.ok(fewestRequests <= 10, `${fewestRequests} requests of FUSE`);
});

test('links, archives and what they made run in the tree', { skip }, async () => {
  const directory = path.join(share, 'link');
  writeSources(directory);
  await using lab = await TreeLab.start({ programs, shares: [directory] });
  const built = await lab.sh(
    'g++ -Iinclude -c a.cc own.cc && ar rc libown.a own.o && g++ a.o -L. -lown -o a && ./a && rm own.o',
    { areas: temporary },
  );
  assert.equal(built.stderr, '');
  assert.equal(built.stdout, '7');
  execFileSync(
    'sh',
    ['-c', 'g++ -Iinclude -c a.cc own.cc && ar rc libown.a own.o && g++ a.o -L. -lown -o a'],
    {
      cwd: directory,
    },
  );
  const left = readFileSync(lab.contentOf(built, path.join(directory, 'a')));
  assert.ok(left.equals(readFileSync(path.join(directory, 'a'))));
});
