/** Which CPU this is, for -march=native, and how fast one of its cores is. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Fingerprint } from './toolchain.ts';

/** Lines of /proc/cpuinfo that decide what -march=native means: x86, then ARM, POWER, RISC-V. */
const telling = [
  'vendor_id',
  'cpu family',
  'model',
  'cache size',
  'flags',
  'CPU implementer',
  'CPU architecture',
  'CPU variant',
  'CPU part',
  'Features',
  'cpu',
  'isa',
];

/** What the first processor in the text of /proc/cpuinfo is. */
export function parseCpuInfo(text: string): Fingerprint {
  const lines = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim();
    if (colon > 0 && !lines.has(name)) lines.set(name, line.slice(colon + 1).trim());
  }
  const values = telling.map((name) => {
    const value = lines.get(name) ?? '';
    return name === 'flags' || name === 'Features' ? value.split(' ').toSorted().join(' ') : value;
  });
  const digest = createHash('sha256').update(values.join('\0')).digest('hex').slice(0, 32);
  return { digest, description: lines.get('model name') ?? lines.get('cpu') ?? 'an unnamed CPU' };
}

/** Equal digests: -march=native means the same on both machines. */
export async function cpuFingerprint(): Promise<Fingerprint> {
  return parseCpuInfo(await readFile('/proc/cpuinfo', 'latin1'));
}

/** Rounds that take 2 ms on the reference machine: a 3 GHz server core of 2023. */
const rounds = 300_000;
const referenceMs = 2;

function work(table: Int32Array): number {
  let state = 1;
  for (let n = 0; n < rounds; n++) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + n) | 0;
    const place = state & (table.length - 1);
    state ^= table[place] ?? 0;
    table[place] = state;
  }
  return state;
}

/**
 * How fast one core is, 1 being the reference: integer work with loads and branches that the caches do not hold.
 * Takes about 15 ms of CPU, blocking; call it once, at the start. The best of a few tries, so that what else runs
 * counts little; within 0.25 … 4.
 */
export function measureSpeed(): number {
  const table = new Int32Array(1 << 17);
  let bestMs = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5; attempt++) {
    const startMs = performance.now();
    work(table);
    bestMs = Math.min(bestMs, performance.now() - startMs);
  }
  return Math.min(4, Math.max(0.25, Math.round((referenceMs / bestMs) * 100) / 100));
}
