/**
 * Are the programs, the system files that were read and the CPU the same on two machines? By fingerprint of their
 * contents, cached, so that the common answer costs a map look-up.
 */

import { BoundedMap } from '../core/bounded-map.ts';
import type { ProgramFormat } from '../core/elf.ts';
import type { ByteString } from '../wire/bytes.ts';
import type { Tool } from '../wire/job-messages.ts';
import { cpuFingerprint } from './cpu.ts';
import { FileIdentities, type FileIdentitiesInit } from './file-identity.ts';
import { OutsideNames } from './outside-names.ts';
import { surroundingsOf } from './surroundings.ts';
import { behindStandIn, type Fingerprint, findProgram, Toolchains } from './toolchain.ts';

export interface ProgramDigest {
  /** As the command line names it. */
  readonly path: ByteString;
  /** Empty if there is no such program here. */
  readonly digest: string;
}

/** How long a program is believed to be what it was: packages are installed rarely, jobs start often. */
const believedMs = 5_000;
/** A question that was not answered is asked again after this time. */
const askAgainMs = 1_000;
/** A question that is on its way is not asked beside it for so long. */
const pendingMs = 30_000;
const maxKnown = 1_024;
/** What build systems look for first. clang takes three times as long to say what it is. */
const usualCompilers = ['g++', 'gcc', 'c++', 'cc'];
const nothing: Fingerprint = { digest: '', description: 'not found' };

/** Answers by what was asked, each believed for a while; what did not come, or was not found, is asked for again. */
class BelievedAnswers<Answer> {
  readonly #known = new BoundedMap<string, { readonly answer: Promise<Answer>; readonly untilMs: number }>(
    maxKnown,
  );
  readonly #asksAgain: (answer: Answer) => boolean;

  constructor(asksAgain: (answer: Answer) => boolean = () => false) {
    this.#asksAgain = asksAgain;
  }

  of(key: string, ask: () => Promise<Answer>): Promise<Answer> {
    const nowMs = performance.now();
    const known = this.#known.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.answer;
    const answer = ask();
    const entry = { answer, untilMs: nowMs + believedMs };
    this.#known.set(key, entry);
    const forget = (): void => {
      if (this.#known.get(key) === entry) this.#known.delete(key);
    };
    answer.then((found) => {
      if (this.#asksAgain(found)) forget();
    }, forget);
    return answer;
  }
}

/** Looks at many system files at once, wherever it may take long without holding anything up. */
export interface SystemLooks {
  readonly identities: FileIdentitiesInit['ask'];
  readonly outside: ConstructorParameters<typeof OutsideNames>[0];
}

export class Sameness {
  readonly #identities: FileIdentities;
  readonly #toolchains: Toolchains;
  readonly #outside: OutsideNames;
  readonly #programs = new BoundedMap<string, { fingerprint: Promise<Fingerprint>; untilMs: number }>(
    maxKnown,
  );
  readonly #standIns = new BelievedAnswers<ByteString | undefined>();
  readonly #formats = new BelievedAnswers<ProgramFormat | undefined>((format) => format === undefined);
  readonly #surroundings = new BelievedAnswers<string>();
  #cpu: Promise<Fingerprint> | undefined;

  constructor({ identities, outside }: SystemLooks) {
    this.#identities = new FileIdentities({ ask: identities, believedMs });
    this.#toolchains = new Toolchains(this.#identities);
    this.#outside = new OutsideNames(outside);
  }

  /** What these programs and other system files are on this machine, in the order given. */
  async programs(
    names: readonly ByteString[],
    cwd: ByteString,
    env: ReadonlyMap<string, string>,
  ): Promise<ProgramDigest[]> {
    return await Promise.all(
      names.map(async (path) => ({ path, digest: (await this.program(path, cwd, env)).digest })),
    );
  }

  /** Whether there is such a program here. That there was none is asked again: it may just have been built. */
  async hasProgram(name: ByteString, cwd: ByteString, env: ReadonlyMap<string, string>): Promise<boolean> {
    if ((await this.program(name, cwd, env)).digest !== '') return true;
    return (await findProgram(name, env.get('PATH'), cwd)) !== undefined;
  }

  /** The program that a link to swarmrun stands for; undefined if `name` is not such a link. */
  behindStandIn(
    name: ByteString,
    cwd: ByteString,
    env: ReadonlyMap<string, string>,
  ): Promise<ByteString | undefined> {
    const path = env.get('PATH');
    return this.#standIns.of(searchKey(name, cwd, path), () => behindStandIn(name, path, cwd));
  }

  /** Whether a program can be traced, or is a script; undefined if there is none. */
  format(
    name: ByteString,
    cwd: ByteString,
    env: ReadonlyMap<string, string>,
  ): Promise<ProgramFormat | undefined> {
    const search = env.get('PATH');
    return this.#formats.of(searchKey(name, cwd, search), async () => {
      const path = await findProgram(name, search, cwd);
      return path === undefined ? undefined : (await this.#identities.of(path)).format;
    });
  }

  async cpu(): Promise<Fingerprint> {
    this.#cpu ??= cpuFingerprint();
    try {
      return await this.#cpu;
    } catch (error) {
      this.#cpu = undefined;
      throw error;
    }
  }

  /** What a command's locale and the name of its directory mean on this machine. */
  surroundings(cwd: ByteString, env: ReadonlyMap<string, string>): Promise<string> {
    const key = ['LC_ALL', 'LC_CTYPE', 'LC_MESSAGES', 'LANG', 'LANGUAGE', 'LOCPATH', 'PWD']
      .map((name) => env.get(name) ?? '')
      .concat(cwd)
      .join('\x01');
    return this.#surroundings.of(key, () => surroundingsOf(cwd, env));
  }

  /** What this machine answers about names outside the share: equal on two machines if it is the same there. */
  get outside(): OutsideNames {
    return this.#outside;
  }

  /** What the contents of one file is: equal on two machines if it is the same there. */
  async identity(path: ByteString): Promise<string> {
    return (await this.#identities.of(path)).identity;
  }

  /** One program, with a description for people. Rejects where it cannot be told now. */
  program(name: ByteString, cwd: ByteString, env: ReadonlyMap<string, string>): Promise<Fingerprint> {
    const search = ['PATH', 'COMPILER_PATH', 'GCC_EXEC_PREFIX']
      .map((variable) => env.get(variable) ?? '')
      .join('\x01');
    const key = `${name}\x01${name.includes('/') && !name.startsWith('/') ? cwd : ''}\x01${search}`;
    const nowMs = performance.now();
    const known = this.#programs.get(key);
    if (known !== undefined && known.untilMs > nowMs) return known.fingerprint;
    const fingerprint = this.#fingerprint(name, cwd, env);
    const entry = { fingerprint, untilMs: nowMs + pendingMs };
    this.#programs.set(key, entry);
    fingerprint.then(
      () => {
        entry.untilMs = nowMs + believedMs;
      },
      () => {
        entry.untilMs = performance.now() + askAgainMs;
      },
    );
    return fingerprint;
  }

  /**
   * Learns what the compilers of this machine are, so that the first job does not wait for it. What cannot be told is
   * asked again by the job that wants it.
   *
   * @param env - of this process: nearly always the one that jobs have as far as compilers are searched by it.
   */
  async learnCompilers(env: ReadonlyMap<string, string>): Promise<void> {
    for (const name of usualCompilers) await this.#fingerprint(name, '/', env).catch(() => undefined);
    // No job has seen them so: the first one looks whether they are still the same files.
    this.#identities.doubt();
  }

  /** A program with all that it is made of, to be compared part by part where it differs. */
  async tool(name: ByteString, cwd: ByteString, env: ReadonlyMap<string, string>): Promise<Tool> {
    const { description } = await this.program(name, cwd, env);
    const path = await findProgram(name, env.get('PATH'), cwd);
    return { name, description, parts: path === undefined ? [] : await this.#toolchains.parts(path, env) };
  }

  async #fingerprint(
    name: ByteString,
    cwd: ByteString,
    env: ReadonlyMap<string, string>,
  ): Promise<Fingerprint> {
    const path = await findProgram(name, env.get('PATH'), cwd);
    if (path !== undefined) return (await this.#toolchains.fingerprint(path, env)) ?? nothing;
    // A library or an object of the system that the command line names.
    return name.startsWith('/') ? { digest: await this.identity(name), description: name } : nothing;
  }
}

function searchKey(name: ByteString, cwd: ByteString, searchPath: string | undefined): string {
  return `${name}\x01${name.startsWith('/') ? '' : cwd}\x01${searchPath ?? ''}`;
}
