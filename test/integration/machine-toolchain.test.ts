import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileIdentities } from '../../src/machine/file-identity.ts';
import { LoadSampler, usableCores } from '../../src/machine/load.ts';
import { findProgram, Toolchains } from '../../src/machine/toolchain.ts';
import { systemLooks } from '../rig/system-looks.ts';

const environment = new Map([['PATH', '/usr/local/bin:/usr/bin:/bin']]);

function rig() {
  const directory = mkdtempSync(join(tmpdir(), 'buildswarm-machine-'));
  return { directory, [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }) };
}

test('a compiler has the same fingerprint every time, and another one than another compiler', async () => {
  const gcc = await findProgram('gcc', environment.get('PATH'), '/');
  assert.ok(gcc, 'gcc is needed for this test');
  const first = await new Toolchains(new FileIdentities({ ask: systemLooks.identities })).fingerprint(
    gcc,
    environment,
  );
  const toolchains = new Toolchains(new FileIdentities({ ask: systemLooks.identities }));
  assert.deepEqual(await toolchains.fingerprint(gcc, environment), first);
  assert.match(first?.description ?? '', /gcc.*\d+\.\d+/);
  const gpp = await findProgram('g++', environment.get('PATH'), '/');
  if (gpp !== undefined)
    assert.notEqual((await toolchains.fingerprint(gpp, environment))?.digest, first?.digest);
});

test('links to one compiler in one directory are asked once, and told by their own names', async () => {
  using at = rig();
  const asked = join(at.directory, 'asked');
  const source = `#include <stdio.h>
    int main(int count, char **words) {
      FILE *file = fopen("${asked}", "a");
      fprintf(file, "%s\\n", words[1]);
      return printf("gcc (of a test) 1\\n") < 0;
    }`;
  const [gcc, cc] = ['gcc', 'cc'].map((name) => join(at.directory, name)) as [string, string];
  execFileSync('cc', ['-x', 'c', '-', '-o', gcc], { input: source });
  symlinkSync('gcc', cc);
  const toolchains = new Toolchains(new FileIdentities({ ask: systemLooks.identities }));
  const [first, second] = await Promise.all(
    [gcc, cc].map((path) => toolchains.fingerprint(path, environment)),
  );
  assert.equal(first?.description, 'gcc (of a test) 1');
  assert.equal(second?.description, 'cc (of a test) 1');
  assert.notEqual(first?.digest, second?.digest, 'their paths differ');
  assert.deepEqual(readFileSync(asked, 'utf8').trim().split('\n').toSorted(), [
    '--version',
    '-print-search-dirs',
  ]);
});

test('a loader that is killed while it is asked for libraries leaves no answer', async () => {
  using at = rig();
  const [loader, program] = ['loader', 'program'].map((name) => join(at.directory, name)) as [string, string];
  const dies = 'void _start(void) { __builtin_trap(); }';
  execFileSync('cc', ['-x', 'c', '-', '-nostdlib', '-static', '-o', loader], { input: dies });
  const linked = ['-x', 'c', '-', `-Wl,--dynamic-linker=${loader}`, '-o', program];
  execFileSync('cc', linked, { input: 'int main(void) { return 0; }' });
  const toolchains = new Toolchains(new FileIdentities({ ask: systemLooks.identities }));
  await assert.rejects(toolchains.fingerprint(program, environment), { code: 'E_NO_ANSWER' });
});

test('another back end in COMPILER_PATH makes another fingerprint', async () => {
  using at = rig();
  const gcc = (await findProgram('gcc', environment.get('PATH'), '/')) ?? '';
  const toolchains = new Toolchains(new FileIdentities({ ask: systemLooks.identities }));
  const plain = await toolchains.fingerprint(gcc, environment);
  writeFileSync(join(at.directory, 'as'), '#!/bin/sh\nexec /usr/bin/as "$@"\n', { mode: 0o755 });
  const changed = await toolchains.fingerprint(
    gcc,
    new Map([...environment, ['COMPILER_PATH', at.directory]]),
  );
  assert.notEqual(changed?.digest, plain?.digest);
});

test('a program that changes gets another fingerprint, one that is only touched does not', async () => {
  using at = rig();
  const tool = join(at.directory, 'tool');
  writeFileSync(tool, '#!/bin/sh\necho 1\n', { mode: 0o755 });
  const toolchains = new Toolchains(new FileIdentities({ ask: systemLooks.identities, believedMs: 0 }));
  const first = await toolchains.fingerprint(tool, environment);
  copyFileSync(tool, `${tool}2`);
  rmSync(tool);
  copyFileSync(`${tool}2`, tool);
  assert.deepEqual(await toolchains.fingerprint(tool, environment), first);
  writeFileSync(tool, '#!/bin/sh\necho 2\n', { mode: 0o755 });
  assert.notEqual((await toolchains.fingerprint(tool, environment))?.digest, first?.digest);
  rmSync(tool);
  assert.equal(await toolchains.fingerprint(tool, environment), undefined);
});

test('system files are equal by path and content; a missing one counts as missing', async () => {
  using at = rig();
  const [a, b, gone] = ['a.h', 'b.h', 'gone.h'].map((name) => join(at.directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(a, 'one');
  writeFileSync(b, 'x'.repeat(600_000));
  const files = new FileIdentities({ ask: systemLooks.identities, believedMs: 0 });
  const digest = await files.fingerprint([a, b, gone]);
  assert.equal(await files.fingerprint([gone, b, a, a]), digest);
  writeFileSync(gone, '');
  assert.notEqual(await files.fingerprint([a, b, gone]), digest);
  rmSync(gone);
  writeFileSync(b, `${'x'.repeat(599_999)}y`);
  assert.notEqual(await files.fingerprint([a, b, gone]), digest);
});

test('programs are found as execvp finds them', async () => {
  using at = rig();
  const tool = join(at.directory, 'tool');
  writeFileSync(tool, '', { mode: 0o755 });
  symlinkSync(tool, join(at.directory, 'link'));
  assert.equal(await findProgram('link', at.directory, '/'), join(at.directory, 'link'));
  assert.equal(await findProgram('./tool', '/bin', at.directory), tool);
  assert.equal(
    await findProgram('tool', '/nowhere:', at.directory),
    tool,
    'an empty part of PATH is the directory',
  );
  assert.equal(await findProgram('no-such-tool', '/bin', '/'), undefined);
  assert.equal(await findProgram('', '/bin', '/'), undefined);
});

test('this machine has cores, memory and a load', async () => {
  const sampler = new LoadSampler();
  assert.equal(sampler.sample(0).load, 0);
  const { load, memoryFreeBytes } = sampler.sample(0);
  assert.ok(load >= 0 && memoryFreeBytes > 0);
  assert.ok(usableCores() >= 1);
});

test('a link to swarmrun is not the compiler that it stands in for', async () => {
  using at = rig();
  writeFileSync(join(at.directory, 'swarmrun'), '', { mode: 0o755 });
  symlinkSync('swarmrun', join(at.directory, 'gcc'));
  const real = await findProgram('gcc', '/usr/bin:/bin', '/');
  assert.ok(real);
  assert.equal(await findProgram('gcc', `${at.directory}:/usr/bin:/bin`, '/'), real);
  assert.equal(await findProgram(join(at.directory, 'gcc'), '/usr/bin:/bin', '/'), real);
});
