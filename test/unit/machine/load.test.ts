import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foreignLoad, parseCpuList, parseCpuTimes, parseMemAvailable } from '../../../src/machine/load.ts';

const stat = [
  'cpu  300 0 0 900 0 0 0 0 0 0',
  'cpu0 100 10 20 400 50 1 2 3 90 0',
  'cpu1 200 0 0 500 0 0 0 0 0 0',
  'intr 1 2 3',
].join('\n');

test('CPU times are of the CPUs that we may use; waiting for a disk is idle, guests count once', () => {
  assert.deepEqual(parseCpuTimes(stat, new Set([0])), { busyMs: 1360, totalMs: 5860, cpus: 1 });
  assert.deepEqual(parseCpuTimes(stat), { busyMs: 3360, totalMs: 12_860, cpus: 2 });
});

test('lists of CPUs are read, and a claimed huge range is cut', () => {
  assert.deepEqual([...parseCpuList('0-2,8\n')], [0, 1, 2, 8]);
  assert.deepEqual([...parseCpuList('')], []);
  assert.ok(parseCpuList('0-99999999').size < 5_000);
});

test('foreign load is what is busy and not ours, in cores', () => {
  const times = (busyMs: number, totalMs: number) => ({ busyMs, totalMs, cpus: 4 });
  const before = { times: times(1_000, 10_000), ownCpuMs: 500 };
  // One second of four CPUs: 3 s busy, of them 1 s ours.
  assert.equal(foreignLoad(before, { times: times(4_000, 14_000), ownCpuMs: 1_500 }), 2);
  assert.equal(foreignLoad(before, { times: times(1_500, 14_000), ownCpuMs: 9_500 }), 0, 'never negative');
  assert.equal(foreignLoad(before, before), 0, 'no time has passed');
  assert.equal(foreignLoad(undefined, before), 0, 'the first sample');
});

test('free memory is MemAvailable, on old kernels MemFree', () => {
  assert.equal(parseMemAvailable('MemTotal:  9 kB\nMemFree:   2 kB\nMemAvailable:   5 kB\n'), 5 * 1024);
  assert.equal(parseMemAvailable('MemTotal:  9 kB\nMemFree:   2 kB\n'), 2 * 1024);
  assert.equal(parseMemAvailable(''), undefined);
});
