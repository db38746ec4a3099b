/** An offer of a job as it travels, with nothing about it: run in the root of a share, without input. */
export function plainOffer(share: string) {
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
    rows: 0,
    columns: 0,
    memoryBytes: 0,
    kind: '',
    programs: [],
    view: { refresh: [], files: [], fields: [], knownReports: 0 },
    scan: [],
    knownSystem: 0,
    outputs: [],
  };
}
