/** Compiles the C programs for tests: as they ship, and with the sanitizers. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { builtPath, commonFlags, type ProgramName, programs, sourcesOf } from '../../src/native/build.ts';
import { checkout } from './child.ts';

const common = [...commonFlags, '-Werror', '-g'];
const launchSource = path.join(checkout, 'test/rig/launch.c');

/** How the programs are built: compiler flags by the name of the build. */
export const builds = {
  normal: ['-O2'],
  sanitized: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
} as const;
export type BuildName = keyof typeof builds;

/** Paths of the programs of one build. */
export interface Programs extends Readonly<Record<ProgramName, string>> {
  /** For the files of one test. */
  readonly directory: string;
  /** Executes a program with exact bytes; see launch.c. */
  readonly launch: string;
  /** Removes the directory. */
  remove(): void;
}

/** Those that the build has put into bin/. */
export function builtPrograms(): Readonly<Record<ProgramName, string>> {
  return Object.fromEntries(programs.map(({ name }) => [name, path.join(checkout, 'bin', name)])) as Record<
    ProgramName,
    string
  >;
}

/** Compiled once for all test files and versions of Node, for as long as no source and no compiler changes. */
export function compilePrograms(build: BuildName): Programs {
  const cached = path.join(checkout, '.cache/programs', `${build}-${digestOf(builds[build])}`);
  if (!existsSync(cached)) compileInto(cached, builds[build]);
  const compiled = programs.map(({ name }) => [
    name,
    isLoaded(name) ? builtPath(checkout, name) : path.join(cached, name),
  ]);
  const directory = mkdtempSync(path.join(tmpdir(), `swarm-${build}-`));
  return {
    ...(Object.fromEntries(compiled) as Record<ProgramName, string>),
    directory,
    launch: path.join(cached, 'launch'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** What is loaded into other programs is tried as it ships: they know nothing of sanitizers. */
function isLoaded(name: ProgramName): boolean {
  return builtPath('', name).endsWith('.so');
}

function compileInto(directory: string, flags: readonly string[]): void {
  mkdirSync(path.dirname(directory), { recursive: true });
  const fresh = mkdtempSync(`${directory}-`);
  const compile = (name: string, sources: readonly string[], flags: readonly string[]): void => {
    execFileSync('cc', [...common, ...flags, '-o', path.join(fresh, name), ...sources], { stdio: 'inherit' });
  };
  for (const { name } of programs) if (!isLoaded(name)) compile(name, sourcesOf(checkout, name), flags);
  compile('launch', [launchSource], ['-O1']);
  try {
    renameSync(fresh, directory);
  } catch (error) {
    // Another test file was quicker.
    if (!existsSync(directory)) throw error;
    rmSync(fresh, { recursive: true });
  }
}

/** Of all that a build is made of. */
function digestOf(flags: readonly string[]): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([common, flags]));
  hash.update(execFileSync('cc', ['--version']));
  const native = path.join(checkout, 'src/native');
  const files = readdirSync(native, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of [launchSource, ...files.toSorted()]) hash.update(`${file}\0`).update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

/** The wrapper as a Node script, as it stands where there is no C compiler. */
export function scriptWrapper(directory: string): string {
  const bin = path.join(directory, 'script', 'bin');
  mkdirSync(bin, { recursive: true });
  const target = path.join(checkout, 'dist/src/wrapper/swarmrun.js');
  writeFileSync(path.join(directory, 'script', 'package.json'), '{"type":"module","version":"0"}');
  writeFileSync(path.join(bin, 'swarmrun'), `#!/usr/bin/env node\nimport ${JSON.stringify(target)};\n`, {
    mode: 0o755,
  });
  return path.join(bin, 'swarmrun');
}
