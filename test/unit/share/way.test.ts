import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { wayOut } from '../../../src/share/blocking/way.ts';

test('a link may lead on within the share and to the system, and not elsewhere', (t) => {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'buildswarm-way-')));
  t.after(() => rmSync(folder, { recursive: true }));
  const root = path.join(folder, 'share');
  mkdirSync(path.join(root, 'own/deep'), { recursive: true });
  mkdirSync(path.join(folder, 'outside'));
  const links: Record<string, string> = {
    within: 'own',
    around: '../share/within/deep',
    system: '/usr/include',
    out: '../outside',
    absolute: folder,
    twice: 'own/up/outside',
    'own/up': '../..',
    circle: 'circle',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, path.join(root, name));
  const leadsOut = (name: string) => wayOut({ root, paths: [path.join(root, name)] }) !== undefined;
  for (const name of ['', 'own', 'own/none/x', 'within/deep', 'around/x', 'system/stdio.h', 'none'])
    assert.equal(leadsOut(name), false, name);
  for (const name of [
    'out',
    'out/x',
    'absolute/share/own',
    'twice',
    'own/up',
    'own/up/share',
    'circle',
    'circle/x',
  ])
    assert.equal(leadsOut(name), true, name);
});
