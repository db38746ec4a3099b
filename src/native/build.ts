/**
 * Compiles the C programs, and the library that compilers are traced with, into `bin/`. Where there is no C compiler `bin/swarmrun` becomes a Node script of the same
 * protocol, and Node does the work of the others.
 * `npm run build` runs this file; `buildswarm start` calls {@link buildPrograms}, for installations without a build.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { chmod, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The programs, and what it means when one cannot be compiled. The source of a program is the folder of its name here
 * (every `.c` file in it), or one file `NAME.c`, and those of the folder `shared`. A `library` is loaded into other
 * programs, and lies in `bin/NAME.so`. To add a program: add its sources and a row.
 */
export const programs = [
  {
    name: 'swarmrun',
    without:
      'so bin/swarmrun is a Node script: it costs 50 ms a command more; install gcc or clang and build again',
  },
  { name: 'swarmexec', without: 'so commands are run by Node, less exactly' },
  { name: 'swarmlook', without: 'so Node looks at files, at a higher cost' },
  { name: 'swarmtree', shared: 'tree', without: 'so this machine cannot show its files to workers' },
  { name: 'swarmfs', shared: 'tree', without: 'so this machine cannot run jobs in the files of others' },
  { name: 'swarmjob', shared: 'tree', without: 'so this machine cannot run jobs in the files of others' },
  {
    name: 'swarmtrace',
    library: true,
    without: 'so this machine compiles and links nothing for others: it could not tell what was read',
  },
] as const;

export type ProgramName = (typeof programs)[number]['name'];

/** Where a program lies once it is compiled. */
export function builtPath(root: string, name: ProgramName): string {
  const isLibrary = programs.some((row) => row.name === name && 'library' in row);
  return join(root, 'bin', isLibrary ? `${name}.so` : name);
}

/** What {@link buildPrograms} put into `bin/`. */
export interface BuiltPrograms {
  /** Programs that could not be compiled; `swarmrun` is then a Node script. */
  readonly missing: readonly ProgramName[];
  /** For people: a sentence for each program that is missing, or one for all. */
  readonly message: string;
}

/** Flags for every compiler, warnings included: the sources compile without one. */
export const commonFlags = ['-std=gnu11', '-pthread', '-Wall', '-Wextra'] as const;

const folder = 'src/native';
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
  const missing: ProgramName[] = [];
  const sentences: string[] = [];
  for (const { name, without } of programs) {
    if (!force && (await isUpToDate(root, name))) continue;
    const failure = await compile(root, name, version);
    if (failure === undefined) continue;
    if (name === 'swarmrun') await writeScript(root);
    else await rm(builtPath(root, name), { force: true });
    missing.push(name);
    sentences.push(`${shownPath(name)} could not be compiled (${failure}), ${without}.`);
  }
  const all = programs.map(({ name }) => shownPath(name)).join(', ');
  return { missing, message: sentences.join('\n') || `Compiled C programs: ${all}.` };
}

function shownPath(name: ProgramName): string {
  return builtPath('', name);
}

async function readVersion(root: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version?: unknown };
  return typeof manifest.version === 'string' ? manifest.version : '0';
}

/** The C sources of a program: whole paths, in the order of their names. */
export function sourcesOf(root: string, name: ProgramName): string[] {
  return filesOf(root, name).filter((path) => path.endsWith('.c'));
}

/** All files of a program besides the headers that any may include: in its folder, or its one file; and those it shares. */
function filesOf(root: string, name: ProgramName): string[] {
  const own = join(root, folder, name);
  const shared = programs.flatMap((row) => (row.name === name && 'shared' in row ? [row.shared] : []));
  return [
    ...(existsSync(own) ? filesIn(own) : [`${own}.c`]),
    ...shared.flatMap((directory) => filesIn(join(root, folder, directory))),
  ];
}

function filesIn(directory: string): string[] {
  return readdirSync(directory)
    .toSorted()
    .map((file) => join(directory, file));
}

async function modifiedMs(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs;
  } catch {
    return undefined; // not there: the caller compiles
  }
}

async function isUpToDate(root: string, name: ProgramName): Promise<boolean> {
  const path = builtPath(root, name);
  const builtMs = await modifiedMs(path);
  if (builtMs === undefined || (await startsWith(path, '#!'))) return false;
  const headers = filesIn(join(root, folder)).filter((file) => file.endsWith('.h'));
  for (const input of [...filesOf(root, name), ...headers, join(root, 'package.json')]) {
    const inputMs = await modifiedMs(input);
    if (inputMs !== undefined && inputMs > builtMs) return false;
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

/** @returns why no compiler could make the program, in the words of the first; undefined if one did. */
async function compile(root: string, name: ProgramName, version: string): Promise<string | undefined> {
  const path = builtPath(root, name);
  const temporary = join(root, 'bin', `.${name}.${randomUUID()}.tmp`);
  // Static where that works: it starts faster, and LD_PRELOAD and the like act on the command alone.
  const links = path.endsWith('.so') ? [['-shared', '-fPIC']] : [['-static'], []];
  const flags = [...commonFlags, '-O2', `-DBUILDSWARM_VERSION="${version}"`];
  const files = ['-o', temporary, ...sourcesOf(root, name)];
  const failures: string[] = [];
  try {
    for (const compiler of compilers()) {
      for (const link of links) {
        const failure = await run([...compiler, ...flags, ...link, ...files]);
        if (failure === undefined) {
          await rename(temporary, path);
          return undefined;
        }
        failures.push(failure);
      }
    }
    return failures[0];
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
  // dist/src/native/build.js
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
  const result = await buildPrograms({ root });
  console.log(result.message);
}
