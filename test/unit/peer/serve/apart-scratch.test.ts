/** What lies over the places for what is temporary while a command runs, and what becomes of it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { ApartScratch } from '../../../../src/peer/serve/apart-scratch.ts';

const kept = '/tmp/kept/run';

test('each lies in the place that it covers; what is left in them is found, and all is removed', async () => {
  const scratch = ApartScratch.make(['/tmp', '/var/tmp', undefined], kept);
  const second = readlinkSync(join(scratch.path, '1'));
  assert.deepEqual([dirname(scratch.path), dirname(second)], ['/tmp', '/var/tmp']);
  assert.equal(existsSync(join(scratch.path, '0/u', 'kept/run')), true);
  assert.equal(existsSync(join(scratch.path, '2')), false);
  // What was made for what stays visible is nothing that a command left.
  assert.equal(scratch.leftIn(), undefined);
  mkdirSync(join(scratch.path, '1/u/closed'), { mode: 0o500 });
  assert.equal(scratch.leftIn(), '/var/tmp/closed');
  await scratch.remove();
  assert.deepEqual([scratch.path, second].map(existsSync), [false, false]);
});

test('what a killed peer left is removed by the next, and what one that lives has is not', async () => {
  const dead = spawnSync('true').pid;
  const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
  const abandoned = mkdtempSync(`/tmp/.buildswarm-apart-${namespace}-${dead}-`);
  const ofOthers = mkdtempSync(`/tmp/.buildswarm-apart-${namespace}1-${dead}-`);
  const scratch = ApartScratch.make(['/tmp', undefined, undefined], kept);
  writeFileSync(join(abandoned, 'x'), '');
  await ApartScratch.sweep();
  assert.deepEqual([abandoned, ofOthers, scratch.path].map(existsSync), [false, true, true]);
  for (const each of [ofOthers, scratch.path]) rmSync(each, { recursive: true });
});
