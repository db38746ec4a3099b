/** Limits of control groups, read from folders that look like what the kernel shows. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type CgroupFiles, cgroupCpuLimit, cgroupFreeBytes } from '../../../src/machine/cgroup.ts';
import { LoadSampler } from '../../../src/machine/load.ts';

/** `self` is the text of /proc/self/cgroup; the others are files below the mounts. */
function shown(self: string, files: Readonly<Record<string, string>>): CgroupFiles & Disposable {
  const directory = mkdtempSync(join(tmpdir(), 'buildswarm-cgroup-'));
  writeFileSync(join(directory, 'self'), self);
  const mounts = join(directory, 'mounts');
  for (const [name, text] of Object.entries(files)) {
    const path = join(mounts, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return {
    self: join(directory, 'self'),
    mounts,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

test('the tightest CPU quota of a group and all above it counts, version 2', async () => {
  using files = shown('0::/a/b\n', {
    'cpu.max': 'max 100000\n',
    'a/cpu.max': '150000 100000\n',
    'a/b/cpu.max': '400000 100000\n',
  });
  assert.equal(cgroupCpuLimit(files), 1.5);
});

test('without a quota there is no limit', async () => {
  using two = shown('0::/a\n', { 'a/cpu.max': 'max 100000\n' });
  assert.equal(cgroupCpuLimit(two), undefined);
  using one = shown('1:cpu:/\n', { 'cpu/cpu.cfs_quota_us': '-1\n', 'cpu/cpu.cfs_period_us': '100000\n' });
  assert.equal(cgroupCpuLimit(one), undefined);
  using none = shown('', {});
  assert.equal(cgroupCpuLimit(none), undefined);
});

test('the quota of version 1, whose controllers may share a mount, counts', async () => {
  using files = shown('4:cpu,cpuacct:/docker/x\n0::/system.slice\n', {
    'cpu/docker/x/cpu.cfs_quota_us': '200000\n',
    'cpu/docker/x/cpu.cfs_period_us': '100000\n',
    'cpu/docker/cpu.cfs_quota_us': '50000\n',
    'cpu/docker/cpu.cfs_period_us': '100000\n',
    'cpu.max': '1 100000\n',
  });
  assert.equal(cgroupCpuLimit(files), 0.5);
});

test('a container that sees its own group as the top is limited by it', async () => {
  using files = shown('0::/docker/x\n', { 'cpu.max': '100000 100000\n' });
  assert.equal(cgroupCpuLimit(files), 1);
});

test('a controller of version 2 beside those of version 1 is found', async () => {
  using files = shown('1:memory:/\n0::/a\n', { 'unified/a/cpu.max': '300000 100000\n' });
  assert.equal(cgroupCpuLimit(files), 3);
});

test('memory is what the tightest group leaves, with what its file cache would give back', async () => {
  using two = shown('0::/a\n', {
    'memory.max': '9000\n',
    'memory.current': '1000\n',
    'a/memory.max': '5000\n',
    'a/memory.current': '4000\n',
    'a/memory.stat': 'anon 7\ninactive_file 500\n',
  });
  assert.equal(cgroupFreeBytes(two), 1500);
  using one = shown('3:memory:/\n', {
    'memory/memory.limit_in_bytes': '9223372036854771712\n',
    'memory/memory.usage_in_bytes': '5\n',
  });
  assert.equal(cgroupFreeBytes(one), undefined, 'the largest number is no limit');
});

test('a limit that is set later is seen within ten samples, and what it leaves at once', () => {
  using files = shown('0::/\n', { 'memory.current': '1000\n', 'memory.max': 'max\n' });
  const sampler = new LoadSampler(files);
  const limit = join(files.mounts, 'memory.max');
  assert.ok(sampler.sample(0).memoryFreeBytes > 5000, 'what this machine has');
  writeFileSync(limit, '5000\n');
  const seen = Array.from({ length: 11 }, () => sampler.sample(0).memoryFreeBytes);
  assert.equal(seen.at(-1), 4000);
  assert.ok((seen[0] ?? 0) > 5000, 'it was believed that there is none');
  writeFileSync(join(files.mounts, 'memory.current'), '4500\n');
  assert.equal(sampler.sample(0).memoryFreeBytes, 500);
  sampler.close();
});
