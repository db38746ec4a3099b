/** A control group of this machine with a CPU quota, where one can be made (as root). */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './until.ts';

export interface QuotaGroup extends AsyncDisposable {
  /** A process that writes its id into this file is limited from then on, with all that it starts. */
  readonly processes: string;
}

const mounts = '/sys/fs/cgroup';
const periodUs = 100_000;

/** @returns undefined if no such group can be made here. */
export function makeQuotaGroup(cores: number): QuotaGroup | undefined {
  const isSecond = existsSync(join(mounts, 'cgroup.controllers'));
  const directory = join(mounts, isSecond ? '' : 'cpu', `buildswarm-test-${process.pid}`);
  try {
    if (isSecond) writeFileSync(join(mounts, 'cgroup.subtree_control'), '+cpu');
    mkdirSync(directory);
    const quotaUs = cores * periodUs;
    if (isSecond) writeFileSync(join(directory, 'cpu.max'), `${quotaUs} ${periodUs}`);
    else writeFileSync(join(directory, 'cpu.cfs_quota_us'), `${quotaUs}`);
  } catch {
    return undefined; // not root, or no such controller
  }
  const processes = join(directory, 'cgroup.procs');
  return {
    processes,
    [Symbol.asyncDispose]: async () => {
      const isEmpty = (): boolean => readFileSync(processes, 'utf8') === '';
      await until(isEmpty, 10_000, 'everything in the group with the quota has ended');
      rmdirSync(directory);
    },
  };
}
