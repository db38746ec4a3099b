/**
 * Runs on the submitter's guest: changes the tree, compiles and links through the swarm, and compares every result with
 * what the compiler makes here. Prints one JSON object at its end.
 *
 * Usage: torture TREE SWARMRUN JOBS SEED [TROUBLE [stale]]: it ends after JOBS jobs, or TROUBLE (20) that went wrong;
 * `stale`: with the changes only that are seen stale most often.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seeded } from './seeded.ts';
import { mostStale, sources, TortureTree } from './torture-tree.ts';

const [, , root = '', swarmrun = '', jobsText = '2000', seedText = '1', troubleText = '20', changes = ''] =
  process.argv;
const jobs = Number(jobsText);
const random = seeded(Number(seedText));
const tree = new TortureTree(root, random, changes === 'stale' ? mostStale : undefined);
const atOnce = 8;

interface Done {
  readonly status: number;
  readonly errors: string;
}

function run(program: string, args: readonly string[]): Promise<Done> {
  return new Promise((resolve) => {
    execFile(program, args, { cwd: root, timeout: 120_000 }, (error, _output, errors) =>
      resolve({ status: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, errors }),
    );
  });
}

/** How a compiler is asked: the first as CMake does, the others as distributions and old makefiles do. */
const flags: readonly (readonly string[])[] = [
  ['-MD', '-MF', 'OBJECT.d', '-c'],
  ['-MD', '-MF', 'OBJECT.d', '-c'],
  ['-O2', '-Wp,-D_FORTIFY_SOURCE=2', '-fstack-protector-strong', '-c'],
  ['-Wp,-MMD,OBJECT.d', '-c'],
  ['-frecord-gcc-switches', '-c'],
  ['-g', '-c'],
  ['-MMD', '-MF', 'OBJECT.d', '-S'],
  // Compiled and linked in one
  ['-shared', '-fPIC'],
];

function compile(n: number, object: string, options: readonly string[] = flags[0] ?? []): string[] {
  const own = options.map((option) => option.replace('OBJECT', object));
  return ['-Ia', '-Ib', ...own, tree.source(n), '-o', object];
}

const result = { jobs: 0, wrong: 0, failed: 0, links: 0, changes: 0, unusual: 0, trouble: [] as string[] };

/** Compiles so far: each has the next flags, so that even few jobs have all kinds. */
let asked = 0;

/** Compiles source n on the swarm, then here, and compares objects. */
async function check(n: number, changes: readonly string[]): Promise<void> {
  const object = `out/f${n}.o`;
  const options = flags[asked % flags.length] ?? [];
  asked += 1;
  const remote = await run(swarmrun, ['gcc', ...compile(n, object, options)]);
  result.jobs += 1;
  if (options !== flags[0] && options !== flags[1]) result.unusual += 1;
  const local = await run('gcc', compile(n, `out/local-f${n}.o`, options));
  if (remote.status !== local.status) {
    result.failed += 1;
    result.trouble.push(
      `job ${result.jobs} (${object}): status ${remote.status}, here ${local.status}: ${remote.errors.slice(0, 300)} after ${changes.join(', ')}`,
    );
    return;
  }
  if (local.status !== 0) return;
  const same = readFileSync(join(root, object)).equals(readFileSync(join(root, `out/local-f${n}.o`)));
  if (!same) {
    result.wrong += 1;
    result.trouble.push(
      `job ${result.jobs} (${object}, ${options.join(' ')}): another object than here, after ${changes.join(', ')}`,
    );
  }
}

/** Links all objects on the swarm and here, and compares. */
async function link(): Promise<void> {
  const objects = Array.from({ length: sources }, (_, n) => `out/f${n}.o`);
  for (const [n] of objects.entries()) {
    const made = await run(swarmrun, ['gcc', ...compile(n, `out/f${n}.o`)]);
    result.jobs += 1;
    if (made.status !== 0) return;
  }
  const remote = await run(swarmrun, ['gcc', '-shared', '-o', 'out/all.so', ...objects]);
  result.jobs += 1;
  result.links += 1;
  const local = await run('gcc', ['-shared', '-o', 'out/local-all.so', ...objects]);
  if (remote.status !== local.status) {
    result.failed += 1;
    result.trouble.push(
      `link ${result.links}: status ${remote.status}, here ${local.status}: ${remote.errors.slice(0, 300)}`,
    );
  } else if (
    local.status === 0 &&
    !readFileSync(join(root, 'out/all.so')).equals(readFileSync(join(root, 'out/local-all.so')))
  ) {
    result.wrong += 1;
    result.trouble.push(`link ${result.links}: another library than here`);
  }
}

tree.make();
for (let round = 0; result.jobs < jobs; round += 1) {
  const changes = Array.from({ length: 1 + Math.floor(random() * 4) }, () => tree.change());
  result.changes += changes.length;
  const chosen = new Set(Array.from({ length: atOnce }, () => Math.floor(random() * sources)));
  await Promise.all([...chosen].map((n) => check(n, changes)));
  if (round % 5 === 4) await link();
  if (result.trouble.length >= Number(troubleText)) break;
}
process.stdout.write(`${JSON.stringify(result)}\n`);
