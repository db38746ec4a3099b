/** Attacks of strangers on a peer as users run it, replayed; each was seen to work once. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Attacker } from '../rig/attacker.ts';
import { checkout } from '../rig/child.ts';
import { Daemon } from '../rig/daemon.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

const mayMount = process.getuid?.() === 0 && readFileSync('/proc/filesystems', 'utf8').includes('autofs');

test('no path that a stranger names makes this machine mount what it offers', {
  skip: mayMount ? false : 'autofs can be mounted by root only',
}, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'automount-'));
  const net = path.join(folder, 'net');
  const log = path.join(folder, 'asked');
  const automounter = path.join(folder, 'automounter');
  mkdirSync(net);
  writeFileSync(log, '');
  symlinkSync(net, path.join(folder, 'link'));
  execFileSync('cc', ['-Wall', '-O1', '-o', automounter, path.join(checkout, 'test/rig/automounter.c')]);
  try {
    await using daemon = await Daemon.start([automounter, net, log]);
    await using evil = await Attacker.meet(daemon.address);
    // They are looked at in their order: when the last one is found, so are the others.
    evil.becomeMember(daemon.share);
    evil.tellShares([
      `/proc/self/root${net}/by-proc/x`,
      `/proc/1/root${net}/by-process/x`,
      `/proc/self/cwd/..${net}/by-cwd/x`,
      `/dev/fd/0/..${net}/by-dev/x`,
      `${folder}/link/by-link/x`,
      `${net}/by-name/x`,
      daemon.share,
    ]);
    await until(() => evil.heard.includes('"seen":true'), 10_000, 'all is looked at');
    assert.equal(readFileSync(log, 'utf8'), '', 'nothing was to be mounted');
    await daemon.assertWell();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
