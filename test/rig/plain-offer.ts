import type { Offer } from '../../src/wire/job-messages.ts';

/** An offer of a job with nothing about it: run in the root of a share, without input. */
export function plainOffer(share: string): Offer {
  return {
    job: 1,
    attempt: 1,
    share,
    cwd: share,
    umask: 0o22,
    stdin: 'null',
    stdout: 'pipe',
    stderr: 'pipe',
    merged: false,
    blocked: '0',
    ignored: '0',
    nice: 0,
    limits: '',
    rows: 0,
    columns: 0,
    backgroundMs: 0,
    leaseMs: 0,
    memoryBytes: 0,
    kind: '',
    programs: [],
    view: { refresh: [], files: [], fields: [], knownReports: 0 },
    traced: false,
    scan: [],
    reopen: [],
    knownOutside: 0,
    outputs: [],
  };
}
