/**
 * Compiles the C programs: `bin/swarmrun` (the wrapper), `bin/swarmexec` (the runner) and `bin/swarmlook` (which looks
 * at files). Where there is no C compiler `bin/swarmrun` becomes a Node script of the same protocol, and Node does the
 * work of the others.
 * `npm run build` runs this file; `buildswarm start` calls {@link buildPrograms}, for installations without a build.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What {@link buildPrograms} put into `bin/`. */
export interface BuiltPrograms {
  readonly swarmrun: 'c' | 'typescript';
  /** Whether there is a runner; without it the peer runs commands with Node. */
  readonly swarmexec: boolean;
  /** Whether there is a program that looks; without it threads of Node do, at ten times the cost. */
  readonly swarmlook: boolean;
  /** One sentence for people. */
  readonly message: string;
}

const headers = ['src/wrapper/frame.h', 'src/wrapper/program.h'];
const sources = {
  swarmrun: 'src/wrapper/swarmrun.c',
  swarmexec: 'src/work/swarmexec.c',
  swarmlook: 'src/share/swarmlook.c',
} as const;
type Program = keyof typeof sources;

const compileTimeoutMs = 120_000;

/** The script that stands in for the C wrapper; no shell in between, which would drop and alter what it is given. */
const script = "#!/usr/bin/env node\nimport '../dist/src/wrapper/swarmrun.js';\n";

/**
 * Makes the programs in `bin/` below `root`, unless they are newer than their sources.
 * Each appears under its name only when it is whole, so that builds at the same time do not meet.
 *
 * @param root - directory of package.json.
 * @param force - compile even what is up to date.
 * @throws Error if `bin/` cannot be written.
 */
export async function buildPrograms(options: { root: string; force?: boolean }): Promise<BuiltPrograms> {
  const { root, force = false } = options;
  await mkdir(join(root, 'bin'), { recursive: true });
  const version = await readVersion(root);
  const failures: string[] = [];
  const built = { swarmrun: false, swarmexec: false, swarmlook: false };
  for (const program of ['swarmrun', 'swarmexec', 'swarmlook'] as const) {
    built[program] =
      (!force && (await isUpToDate(root, program))) || (await compile(root, program, version, failures));
  }
  if (!built.swarmrun) await writeScript(root);
  for (const program of ['swarmexec', 'swarmlook'] as const)
    if (!built[program]) await rm(join(root, 'bin', program), { force: true });
  const why = failures[0] ?? '';
  return {
    swarmrun: built.swarmrun ? 'c' : 'typescript',
    swarmexec: built.swarmexec,
    swarmlook: built.swarmlook,
    message: describe(built, why),
  };
}

function describe(built: Readonly<Record<Program, boolean>>, why: string): string {
  if (built.swarmrun && built.swarmexec && built.swarmlook)
    return 'bin/swarmrun, bin/swarmexec and bin/swarmlook are compiled C programs.';
  if (built.swarmrun && built.swarmexec)
    return `bin/swarmlook could not be compiled (${why}), so Node looks at files, at a higher cost.`;
  if (built.swarmrun)
    return `bin/swarmexec could not be compiled (${why}), so commands are run by Node, less exactly.`;
  return `No C compiler works here (${why}), so bin/swarmrun is a Node script: it costs 50 ms a command more; install gcc or clang and build again.`;
}

async function readVersion(root: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version?: unknown };
  return typeof manifest.version === 'string' ? manifest.version : '0';
}

async function modifiedMs(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return undefined; // not there: the caller compiles
  }
}

async function isUpToDate(root: string, program: Program): Promise<boolean> {
  const path = join(root, 'bin', program);
  const builtMs = await modifiedMs(path);
  if (builtMs === undefined || (await startsWith(path, '#!'))) return false;
  for (const source of [sources[program], ...headers, 'package.json']) {
    const sourceMs = await modifiedMs(join(root, source));
    if (sourceMs !== undefined && sourceMs > builtMs) return false;
  }
  return true;
}

async function startsWith(path: string, text: string): Promise<boolean> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(text.length);
    await file.read(head, 0, head.length, 0);
    return head.toString('latin1') === text;
  } finally {
    await file.close();
  }
}

/** The compilers to try, each as words: CC may hold arguments (`ccache gcc`). */
function compilers(): string[][] {
  const named = (process.env['CC'] ?? '').split(/\s+/).filter((word) => word !== '');
  return [...(named.length > 0 ? [named] : []), ['cc'], ['gcc'], ['clang']];
}

async function compile(
  root: string,
  program: Program,
  version: string,
  failures: string[],
): Promise<boolean> {
  const temporary = join(root, 'bin', `.${program}.${randomUUID()}.tmp`);
  const common = ['-std=gnu11', '-O2', `-DBUILDSWARM_VERSION="${version}"`];
  const files = ['-o', temporary, join(root, sources[program])];
  try {
    for (const compiler of compilers()) {
      // Static where that works: it starts faster, and LD_PRELOAD and the like act on the command alone.
      for (const link of [['-static'], []]) {
        const failure = await run([...compiler, ...common, ...link, ...files]);
        if (failure === undefined) {
          await rename(temporary, join(root, 'bin', program));
          return true;
        }
        failures.push(failure);
      }
    }
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** @returns why the command failed, or undefined if it did not. */
async function run(command: readonly string[]): Promise<string | undefined> {
  const [program = '', ...rest] = command;
  // CC may well be `swarmrun gcc`, which is only being made here.
  const env = { ...process.env, FORCE_INLINE: '1' };
  return await new Promise((resolve) => {
    execFile(program, rest, { env, timeout: compileTimeoutMs }, (error, _stdout, stderr) => {
      if (error === null) resolve(undefined);
      else
        resolve(
          error.code === 'ENOENT' ? `there is no ${program}` : firstLine(stderr) || firstLine(error.message),
        );
    });
  });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

async function writeScript(root: string): Promise<void> {
  const path = join(root, 'bin/swarmrun');
  const temporary = join(root, 'bin', `.swarmrun.${randomUUID()}.tmp`);
  await writeFile(temporary, script);
  await chmod(temporary, 0o755);
  await rename(temporary, path);
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  // dist/src/wrapper/build.js
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
  const result = await buildPrograms({ root });
  console.log(result.message);
}
