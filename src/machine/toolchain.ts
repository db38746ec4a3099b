/**
 * Is a tool the same on two machines? Its fingerprint covers the program, its libraries, and for compilers the back
 * ends that it starts (cc1, cc1plus, as, ld, collect2, lto1). Paths count too: they end up in what is built.
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, lstat, realpath } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { BoundedMap } from '../core/bounded-map.ts';
import { parseLoadedObjects } from '../core/elf.ts';
import { getOrMake } from '../core/get-or-make.ts';
import { isNoAnswer } from '../core/no-answer.ts';
import { SwarmError } from '../core/swarm-error.ts';
import { fromBytes, toBytes } from '../wire/bytes.ts';
import type { FileIdentities } from './file-identity.ts';

/** Whose parts are remembered. */
const maxPrograms = 1_000;

export interface Fingerprint {
  /** Equal digests: the same tool. 32 hexadecimal digits. */
  readonly digest: string;
  /** For people: `gcc (Debian 12.2.0-14) 12.2.0`, else the real path of the program. */
  readonly description: string;
}

/** A file that counts for what a tool does: its path and what it contains, see {@link FileIdentities}. */
export interface ToolPart {
  readonly path: string;
  readonly identity: string;
}

/** Variables by which a compiler finds other back ends. */
const searchVariables = ['PATH', 'COMPILER_PATH', 'GCC_EXEC_PREFIX'] as const;
const backEnds = ['cc1', 'cc1plus', 'collect2', 'lto1', 'lto-wrapper', 'liblto_plugin.so', 'as', 'ld'];
const compilerName = /(^|[-_])(gcc|g\+\+|cc|c\+\+|cpp|gfortran|clang|clang\+\+)([-_]?[\d.]+)?$/;
const askTimeoutMs = 10_000;
/** One that fails is known by its content alone; one that is killed, or cannot be started for want, leaves no answer. */
const askLoader =
  'for program do LD_TRACE_LOADED_OBJECTS=1 "$program"; [ $? -lt 128 ] || kill -KILL $$; done; exit 0';

/**
 * What a program prints on stdout and stderr together; empty if it fails: then it is known by its content alone.
 *
 * @throws SwarmError `E_NO_ANSWER` if it was killed, was late, or could not be started for want of something.
 */
function ask(program: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  return new Promise((done, fail) => {
    const options = {
      env,
      timeout: askTimeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 20,
      encoding: 'latin1',
    } as const;
    execFile(program, [...args], options, (error, stdout, stderr) => {
      if (error === null) done(`${stdout}\n${stderr}`);
      else if (error.signal || isNoAnswer(error))
        fail(new SwarmError('E_NO_ANSWER', `${program} could not be asked what it is: ${error.message}.`));
      else done('');
    });
  });
}

function text(bytes: string): string {
  return toBytes(bytes).toString('utf8');
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(toBytes(path), constants.X_OK);
    return true;
  } catch {
    return false; // searching goes on
  }
}

/** The first executable of that name; as execvp looks, so an empty part of PATH is the current directory. */
async function firstIn(directories: readonly string[], name: string): Promise<string | undefined> {
  for (const directory of directories) {
    const path = join(directory, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

/** True for a link to swarmrun that has the name of a compiler: what it starts is the next one of that name. */
export async function isStandIn(path: string): Promise<boolean> {
  try {
    if (!(await lstat(toBytes(path))).isSymbolicLink()) return false;
    return basename(fromBytes(await realpath(toBytes(path), { encoding: 'buffer' }))) === 'swarmrun';
  } catch {
    return false; // not there
  }
}

/**
 * The path of the program that `name` starts, byte string; undefined if there is none. Links are not followed (a tool sees
 * the name by which it was started), but those to swarmrun are passed over, as they are when the command is run.
 */
export async function findProgram(
  name: string,
  path: string | undefined,
  cwd: string,
): Promise<string | undefined> {
  if (name.includes('/')) {
    const absolute = isAbsolute(name) ? name : resolve(cwd, name);
    if (!(await isStandIn(absolute))) return (await isExecutable(absolute)) ? absolute : undefined;
  }
  const wanted = basename(name);
  if (wanted === '') return undefined;
  for (const part of (path ?? '/usr/local/bin:/usr/bin:/bin').split(':')) {
    const candidate = join(resolve(cwd, part), wanted);
    if ((await isExecutable(candidate)) && !(await isStandIn(candidate))) return candidate;
  }
  return undefined;
}

/** The program that a link to swarmrun stands for, if `name` leads to such a link first. */
export async function behindStandIn(
  name: string,
  path: string | undefined,
  cwd: string,
): Promise<string | undefined> {
  const found = await findProgram(name, path, cwd);
  if (found === undefined) return undefined;
  if (name.includes('/')) return found === (isAbsolute(name) ? name : resolve(cwd, name)) ? undefined : found;
  for (const part of (path ?? '').split(':')) {
    const candidate = join(resolve(cwd, part), name);
    if (candidate === found) return undefined;
    if (await isStandIn(candidate)) return found;
  }
  return undefined;
}

/** Directories in the `programs:` line of -print-search-dirs. */
export function parseProgramDirs(text: string): string[] {
  const line = /^programs: =?(.*)$/m.exec(text)?.[1] ?? '';
  return [...new Set(line.split(':').filter((directory) => directory !== ''))];
}

interface Parts {
  readonly files: readonly string[];
  readonly description: string;
}

/** Tells tools apart; remembers for each program which files make it up. */
export class Toolchains {
  readonly #identities: FileIdentities;
  readonly #parts = new BoundedMap<string, { readonly identity: string; readonly parts: Promise<Parts> }>(
    maxPrograms,
  );
  /** What a compiler said of itself, for all links to it in one directory. */
  readonly #compilers = new BoundedMap<string, Promise<Parts>>(maxPrograms);

  constructor(identities: FileIdentities) {
    this.#identities = identities;
  }

  /**
   * The fingerprint of the program at `path` (absolute byte string, see {@link findProgram}).
   *
   * The first one of a compiler starts it once to ask for its back ends (10 ms); later ones look whether the files
   * are still those, at most every few seconds.
   *
   * @param env - of the job; only variables by which back ends are searched count.
   * @returns undefined if there is no such program.
   * @throws SwarmError `E_NO_ANSWER` if it cannot be told now.
   */
  async fingerprint(path: string, env: ReadonlyMap<string, string>): Promise<Fingerprint | undefined> {
    const known = await this.#partsOf(path, env);
    if (known === undefined) return undefined;
    const { files, description } = known;
    const digest = createHash('sha256')
      .update(await this.#identities.fingerprint(files))
      .digest('hex');
    return { digest: digest.slice(0, 32), description };
  }

  /** The files that the fingerprint covers, the program itself first; none if there is no such program. */
  async parts(path: string, env: ReadonlyMap<string, string>): Promise<ToolPart[]> {
    const known = await this.#partsOf(path, env);
    return await Promise.all(
      (known?.files ?? []).map(async (file) => ({
        path: file,
        identity: (await this.#identities.of(file)).identity,
      })),
    );
  }

  async #partsOf(path: string, env: ReadonlyMap<string, string>): Promise<Parts | undefined> {
    const own = await this.#identities.of(path);
    if (own.identity === 'absent') return undefined;
    const search = Object.fromEntries(
      searchVariables.flatMap((name) => {
        const value = env.get(name);
        return value === undefined ? [] : [[name, value]];
      }),
    );
    const key = `${path}\0${JSON.stringify(search)}`;
    let known = this.#parts.get(key);
    if (known?.identity !== own.identity) {
      known = { identity: own.identity, parts: this.#findParts(path, search, own.isDynamicProgram) };
      this.#parts.set(key, known);
    }
    try {
      return await known.parts;
    } catch (error) {
      // Asked again by the next job: what was not answered is not what the program is.
      if (this.#parts.get(key) === known) this.#parts.delete(key);
      throw error;
    }
  }

  async #findParts(path: string, search: Record<string, string>, isDynamic: boolean): Promise<Parts> {
    const real = fromBytes(await realpath(toBytes(path), { encoding: 'buffer' }));
    // Links to one compiler in one directory, as cc and gcc, are one compiler to it.
    const isShared = isDynamic && compilerName.test(basename(path)) && compilerName.test(basename(real));
    const found = await (isShared
      ? this.#compilerOf(path, real, search)
      : this.#askedParts(path, real, search, isDynamic));
    // As gcc begins what it says of itself: with the name by which it was started.
    const description = isShared
      ? found.description.replace(/^\S+(?= \()/, text(basename(path)))
      : found.description;
    return { description, files: [...new Set([path, real, ...found.files])] };
  }

  async #compilerOf(path: string, real: string, search: Record<string, string>): Promise<Parts> {
    const { identity } = await this.#identities.of(real);
    const key = `${dirname(path)}\0${real}\0${identity}\0${JSON.stringify(search)}`;
    const asked = getOrMake(this.#compilers, key, () => this.#askedParts(path, real, search, true));
    // What was not answered is not what the program is.
    asked.catch(() => this.#compilers.delete(key));
    return await asked;
  }

  async #askedParts(
    path: string,
    real: string,
    search: Record<string, string>,
    isDynamic: boolean,
  ): Promise<Parts> {
    const files = new Set<string>();
    let description: string | undefined;
    const programs = isDynamic ? [path] : [];
    if (compilerName.test(basename(path)) || compilerName.test(basename(real))) {
      const [answer, version] = await Promise.all(
        ['-print-search-dirs', '--version'].map((query) =>
          ask(text(path), [query], { ...search, LC_ALL: 'C' }),
        ),
      );
      description = version?.split('\n', 1)[0]?.trim() || undefined;
      const directories = [
        ...parseProgramDirs(answer ?? ''),
        ...(search['PATH'] ?? '').split(':').filter(isAbsolute),
      ];
      for (const name of answer === '' ? [] : backEnds) {
        const found = await firstIn(directories, name);
        if (found === undefined) continue;
        files.add(join(found));
        if ((await this.#identities.of(found)).isDynamicProgram) programs.push(found);
      }
    }
    for (const file of await librariesOf(programs)) files.add(file);
    return { files: [...files], description: description ?? text(real) };
  }
}

/**
 * The shared libraries that the loader gives dynamic programs; the programs themselves are not run. One shell asks for all
 * of them: to start a process from a peer costs several times what it costs a shell.
 */
async function librariesOf(programs: readonly string[]): Promise<string[]> {
  if (programs.length === 0) return [];
  return parseLoadedObjects(await ask('/bin/sh', ['-c', askLoader, 'sh', ...programs.map(text)], {}));
}
