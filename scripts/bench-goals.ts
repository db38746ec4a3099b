/** The machine that the goals were set on, and how much slower this one is just now. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { median, type Row } from './bench-measure.ts';

/** Runs a command here. */
export function runHere(
  directory: string,
  argv: readonly string[],
): { readonly wallMs: number; readonly cpuMs: number } {
  const startedMs = performance.now();
  const timed = ['-c', 'TIMEFORMAT="%U %S"; time "$@"', 'bash', ...argv];
  const { status, stderr } = spawnSync('bash', timed, { cwd: directory, encoding: 'latin1' });
  const wallMs = performance.now() - startedMs;
  const [, user, system] = /^([\d.]+) ([\d.]+)$/m.exec(stderr) ?? [];
  if (status !== 0 || user === undefined) throw new Error(`${argv.join(' ')} failed: ${stderr}`);
  return { wallMs, cpuMs: 1000 * (Number(user) + Number(system)) };
}

/** CPU of gcc for `int x;` on that machine. */
export const goalsGccMs = 9.7;

/** The same on this one. */
export function gccMs(): number {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-gcc-'));
  try {
    writeFileSync(path.join(directory, 'x.c'), 'int x;\n');
    const script = 'for n in $(seq 20); do gcc -c x.c; done';
    const took = Array.from({ length: 5 }, () => runHere(directory, ['sh', '-c', script]).cpuMs / 20);
    return median(took);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A time, or a rate, as it would be on the machine of the goals, if all were slower here by as much as gcc is. */
export function scaled(row: Row, slower: number): Row {
  if (row.unit !== 'ms' && !row.unit.endsWith('/s')) return row;
  const figure = row.unit === 'ms' ? row.figure / slower : row.figure * slower;
  return { ...row, note: `(${figure.toFixed(1)} where gcc takes ${goalsGccMs} ms)` };
}
