import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mutations } from '../../scripts/mutation-table.ts';
import { checkout } from '../rig/child.ts';

// Not among the units, which would then notice any mutation by this test.
test('what mutations change stands exactly once where they look for it', () => {
  const gone = mutations.filter(({ file, from }) => {
    const text = readFileSync(path.join(checkout, file), 'utf8');
    return text.split(from).length !== 2;
  });
  assert.deepEqual(
    gone.map(({ name }) => name),
    [],
  );
});
