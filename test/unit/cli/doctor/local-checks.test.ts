import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeCcache, parseCcacheConfig } from '../../../../src/cli/doctor/ccache-checks.ts';
import { silentPeer } from '../../../../src/cli/doctor/process-checks.ts';
import { wrapperFindings } from '../../../../src/cli/doctor/wrapper-checks.ts';
import { renderFindings } from '../../../../src/cli/doctor-view.ts';
import { parseLimit } from '../../../../src/machine/limits.ts';

/** Directories `bin`, `links` and `tools`, as a PATH may hold them. */
function places() {
  const root = mkdtempSync(join(tmpdir(), 'doctor-'));
  for (const name of ['bin', 'links', 'tools']) mkdirSync(join(root, name));
  const program = (path: string, text: string) => {
    writeFileSync(join(root, path), text);
    chmodSync(join(root, path), 0o755);
  };
  program('bin/swarmrun', '\x7fELF…');
  program('tools/gcc', '#!/bin/sh');
  program('tools/ccache', '#!/bin/sh');
  symlinkSync(join(root, 'bin/swarmrun'), join(root, 'links/gcc'));
  return {
    program,
    place: (...names: string[]) => ({
      wrapper: join(root, 'bin/swarmrun'),
      directories: names.map((name) => join(root, name)),
    }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true }),
  };
}

function faults(findings: ReturnType<typeof wrapperFindings>): string[] {
  return findings.filter(({ state }) => state === 'fault').map(({ check, text }) => `${check}: ${text}`);
}

test('links of compilers count only where they come first in PATH', () => {
  using there = places();
  assert.deepEqual(faults(wrapperFindings(there.place('links', 'bin', 'tools'))), []);
  assert.deepEqual(faults(wrapperFindings(there.place('bin', 'tools'))), []);
  assert.match(
    faults(wrapperFindings(there.place('bin', 'tools', 'links'))).join(),
    /^masquerade gcc: \S+tools\/gcc comes before \S+links\/gcc/,
  );
});

test('a wrapper that is a script, is not in PATH or is of another installation is told of', () => {
  using there = places();
  assert.match(faults(wrapperFindings(there.place('tools'))).join(), /^swarmrun: is not in PATH/);
  there.program('tools/swarmrun', '\x7fELF');
  assert.match(
    faults(wrapperFindings(there.place('tools', 'bin'))).join(),
    /^swarmrun: the first in PATH is .* another installation/,
  );
  there.program('bin/swarmrun', '#!/bin/sh');
  assert.match(faults(wrapperFindings(there.place('bin'))).join(), /^wrapper: .* is not the native program/);
});

test('ccache is judged by what it says of itself', () => {
  using there = places();
  const plain = there.place('bin', 'tools');
  const config = (text: string) => parseCcacheConfig(text);
  assert.equal(config('(default) cache_dir = /a b\n(environment) disable = true\n').get('cache_dir'), '/a b');
  const judged = (text: string, place = plain) => faults(judgeCcache(config(text), place, ['/share'])).join();
  assert.equal(judged('(default) run_second_cpp = false\n'), '', 'nobody asked it to run swarmrun');
  const prefix = '(environment) prefix_command = swarmrun\n';
  assert.match(judged(`${prefix}(default) run_second_cpp = false\n`), /run_second_cpp is false/);
  assert.match(judged(`${prefix}(environment) disable = true\n`), /it is disabled/);
  there.program('tools/gcc', '');
  const inverted = there.place('links', 'tools', 'bin');
  assert.equal(judged('(default) cache_dir = /home/a\n', inverted), '', 'behind the link is no ccache');
});

test('a peer that does not answer is told of by what its process shows', () => {
  const peer = { pid: 7, state: 'S', openDescriptors: 20, descriptorLimit: 1_024 };
  const said = (process: Partial<typeof peer>, socket = '/nowhere/peer.sock') =>
    silentPeer(socket, [{ ...peer, ...process }], 'it is silent').text;
  assert.equal(said({ state: 'T' }), 'process 7 is stopped by a signal');
  assert.match(said({ openDescriptors: 1_000 }), /^process 7 has 1000 files open, of the 1024/);
  assert.match(said({}), /^process 7 runs, but its socket .* is not there$/);
  assert.equal(said({}, '/'), 'process 7 does not answer: it is silent');
  assert.match(silentPeer('/nowhere/peer.sock', [], '').text, /^none is running/);
});

test('limits are read, and findings are a line each with the sum below', () => {
  const text =
    'Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096                 files\nMax processes             unlimited            unlimited            processes\n';
  assert.deepEqual(
    ['Max open files', 'Max processes', 'Max nothing'].map((name) => parseLimit(text, name)),
    [1_024, Number.POSITIVE_INFINITY, undefined],
  );
  assert.equal(
    renderFindings([
      { check: 'a', state: 'ok', text: 'well' },
      { check: 'b', state: 'fault', text: 'broken', cure: 'mend it' },
    ]),
    'ok    a: well\nFAULT b: broken; cure: mend it\n1 of 2 checks found a fault.',
  );
});
