/** Compiles the C programs for tests: as they ship, and with the sanitizers. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { builtPath, commonFlags, type ProgramName, programs, sourcesOf } from '../../src/native/build.ts';
import { checkout } from './child.ts';

const common = [...commonFlags, '-Werror', '-g'];

/** How the programs are built: compiler flags by the name of the build. */
export const builds = {
  normal: ['-O2'],
  sanitized: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
} as const;
export type BuildName = keyof typeof builds;

/** Paths of the programs of one build. */
export interface Programs extends Readonly<Record<ProgramName, string>> {
  readonly directory: string;
  /** Executes a program with exact bytes; see launch.c. */
  readonly launch: string;
  /** Removes all of it. */
  remove(): void;
}

/** Those that the build has put into bin/. */
export function builtPrograms(): Readonly<Record<ProgramName, string>> {
  return Object.fromEntries(programs.map(({ name }) => [name, path.join(checkout, 'bin', name)])) as Record<
    ProgramName,
    string
  >;
}

export function compilePrograms(build: BuildName): Programs {
  const directory = mkdtempSync(path.join(tmpdir(), `swarm-${build}-`));
  const compile = (name: string, sources: readonly string[], flags: readonly string[]): string => {
    const output = path.join(directory, name);
    execFileSync('cc', [...common, ...flags, '-o', output, ...sources], { stdio: 'inherit' });
    return output;
  };
  const compiled = programs.map(({ name }) => [
    name,
    // What is loaded into other programs is tried as it ships: they know nothing of sanitizers.
    builtPath('', name).endsWith('.so')
      ? builtPath(checkout, name)
      : compile(name, sourcesOf(checkout, name), builds[build]),
  ]);
  return {
    ...(Object.fromEntries(compiled) as Record<ProgramName, string>),
    directory,
    launch: compile('launch', [path.join(checkout, 'test/rig/launch.c')], ['-O1']),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
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
