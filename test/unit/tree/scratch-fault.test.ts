import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scratchFault } from '../../../src/tree/scratch-fault.ts';

const ext4 = 0xef53;
const tmpfs = 0x01021994;

test('what jobs write is kept on local disks of kernels that can', () => {
  assert.equal(scratchFault('/c', ext4, '6.1.0-18-amd64'), undefined);
  assert.equal(scratchFault('/c', ext4, '5.11'), undefined);
  assert.equal(scratchFault('/c', tmpfs, '6.6.1'), undefined);
  assert.equal(scratchFault('/c', tmpfs, '10.0.0'), undefined);
});

test('elsewhere the cure is said, before any job is tried', () => {
  for (const fileSystem of [0x794c7630, 0x6969, 0xff534d42, 0xff534d42 | 0])
    assert.match(scratchFault('/c', fileSystem, '6.18.0') ?? '', /^\/c lies on .* set BUILDSWARM_CACHE/);
  assert.match(scratchFault('/c', tmpfs, '6.5.0') ?? '', /lies on tmpfs/);
  for (const release of ['4.18.0-553.el8.x86_64', '5.10.0-30-amd64'])
    assert.match(scratchFault('/c', ext4, release) ?? '', /5\.11 or later is needed/);
});
