import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { checkout } from '../../rig/child.ts';

const buildswarm = path.join(checkout, 'bin/buildswarm');

test('buildswarm runs on the Node that BUILDSWARM_NODE names, with the same flags', () => {
  const env = { ...process.env, BUILDSWARM_NODE: '/bin/echo' };
  const { stdout } = spawnSync(buildswarm, ['status', '--json'], { env, encoding: 'utf8' });
  assert.match(stdout, /^--min-semi-space-size=\d+ .*bin\/buildswarm status --json\n$/);
});

test('without it, on that of the PATH', () => {
  const { BUILDSWARM_NODE: _, ...env } = process.env;
  const { stdout } = spawnSync(buildswarm, ['--version'], { env, encoding: 'utf8' });
  assert.match(stdout, /^\d+\.\d+\.\d+/);
});
