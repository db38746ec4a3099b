import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkout } from '../../rig/child.ts';

test('no two types that core exports have one name', () => {
  const root = join(checkout, 'src/core');
  const places = new Map<string, string[]>();
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, name = ''] of text.matchAll(/^export (?:abstract )?(?:interface|type|class) (\w+)/gm))
      places.set(name, [...(places.get(name) ?? []), file]);
  }
  assert.ok(places.size > 80, 'the exports of core are found');
  const shared = [...places].filter(([, files]) => files.length > 1);
  assert.deepEqual(Object.fromEntries(shared), {});
});
