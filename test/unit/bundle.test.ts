import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { checkout } from '../rig/child.ts';

it('a peer loads a program of one byte a character, as V8 keeps two for each where one is not Latin-1', () => {
  const folder = path.join(checkout, 'dist/bundle');
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  assert.ok(files.some((name) => name.startsWith('peer-')));
  for (const name of files) {
    const wide = /[^\0-\u00ff].{0,40}/u.exec(readFileSync(path.join(folder, name), 'utf8'));
    assert.equal(wide, null, name);
  }
});
