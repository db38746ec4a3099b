import type { JobDemand } from '../../src/core/schedule/contract.ts';

/** A job with nothing special about it but `extra`. */
export function plainDemand(job: number, extra: Partial<JobDemand> = {}): JobDemand {
  return {
    job,
    unslotted: false,
    rewritable: true,
    nested: false,
    remoteOnly: false,
    memoryBytes: 0,
    kind: 'compile',
    ...extra,
  };
}
