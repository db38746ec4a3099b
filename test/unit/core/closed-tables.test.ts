/** Codes of the closed tables that nothing gives are dead: a reader of REASONS would look for them in vain. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { reasons } from '../../../src/core/reason.ts';

const source = fileURLToPath(new URL('../../../../src', import.meta.url));

function textWithout(table: string): string {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && name !== table)
    .map((name) => readFileSync(join(source, name), 'utf8'))
    .join('\n');
}

/** Given by nothing yet: work that is under way gives them. */
const awaited = ['oom-killed'];

test('every reason is given somewhere', () => {
  const text = textWithout('core/reason.ts');
  const isNamed = (code: string): boolean =>
    text.includes(`'${code}'`) || text.includes(`"${code}"`) || text.includes(`reasons.${code}`);
  const dead = Object.keys(reasons).filter((code) => !isNamed(code) && !awaited.includes(code));
  assert.deepEqual(dead, []);
});

test('every error code is thrown somewhere', () => {
  const table = readFileSync(join(source, 'core/swarm-error.ts'), 'utf8');
  const text = textWithout('core/swarm-error.ts');
  const codes = [...table.matchAll(/'(E_[A-Z_]+)'/g)].map(([, code = '']) => code);
  assert.ok(codes.length > 5);
  const isThrown = (code: string): boolean => new RegExp(`new SwarmError\\(\\s*'${code}'`).test(text);
  assert.deepEqual(
    codes.filter((code) => !isThrown(code)),
    [],
  );
});
