/** What a test has run, as far as it does not matter. */
import { joinNul } from '../../src/wire/bytes.ts';
import type { RunSpec } from '../../src/work/runner.ts';

export function runSpec(argv: readonly string[], overrides: Partial<RunSpec> = {}): RunSpec {
  return {
    argv: joinNul(argv),
    environment: joinNul(['PATH=/usr/bin:/bin', 'LC_ALL=C']),
    cwd: '/',
    root: '',
    umask: 0o22,
    nice: 0,
    limits: '',
    backgroundMs: 0,
    leaseMs: 0,
    stdin: 'null',
    stdout: 'pipe',
    stderr: 'pipe',
    merged: false,
    blocked: '0',
    ignored: '0',
    rows: 0,
    columns: 0,
    ...overrides,
  };
}
