/** A LAN of namespaces (scripts/lan) for one test. */
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { removeTree } from '../../src/tree/remove-tree.ts';
import { check, checkout, type Ended, type Running, type RunOptions, run, start } from './child.ts';

/** One of the machines m1, m2, … */
export type Host = `m${number}`;

export interface LanOptions {
  /** Directories of which each machine has a copy of its own, beside those that it always has: see scripts/lan. */
  readonly ownRoots?: readonly string[];
  /** Whether jobs can run in files that are served; default: if this machine can. */
  readonly serves?: boolean;
}

const script = path.join(checkout, 'scripts/lan');

/** Machines m1…mN and a folder that all of them see; `await using` takes it all away. */
export class Lan {
  readonly hosts: readonly Host[];
  /** An empty folder, mode 0700, on the disk that all machines share. */
  readonly folder: string;
  /** Where peers keep files of others. */
  readonly cache: string;
  readonly #root: string;
  readonly #env: Readonly<Record<string, string>>;

  private constructor(count: number, root: string, serves: boolean) {
    this.hosts = Array.from({ length: count }, (_, index): Host => `m${index + 1}`);
    this.folder = path.join(root, 'shared');
    this.#root = root;
    // On a disk: what jobs write in the files of another machine lies there, in a directory for each peer.
    this.cache = serves ? path.join(root, 'cache') : '/dev/null/none';
    this.#env = { BUILDSWARM_LAN: path.join(root, 'lan'), BUILDSWARM_CACHE: this.cache };
  }

  static async up(count: number, options: LanOptions = {}): Promise<Lan> {
    // By the number in the name, scripts/test finds what a test that was killed has left behind.
    const parent = path.join(checkout, '.lan');
    await mkdir(parent, { recursive: true });
    const root = await mkdtemp(path.join(parent, `test-${process.pid}-`));
    const lan = new Lan(count, root, options.serves ?? true);
    await mkdir(lan.folder, { mode: 0o700 });
    const own = (options.ownRoots ?? []).flatMap((directory) => ['--own', directory]);
    await lan.#lan('up', String(count), ...own);
    return lan;
  }

  /** Runs a program on a machine, to its end. */
  async exec(host: Host, argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return run([script, 'exec', host, ...argv], this.#options(options));
  }

  /** Starts a program on a machine. */
  start(host: Host, argv: readonly string[], options: RunOptions = {}): Running {
    return start([script, 'exec', host, ...argv], this.#options(options));
  }

  /**
   * Writes a program that runs another one in the network of a machine, for libraries that start a program by its path
   * and speak to it by descriptors, which `exec` closes.
   */
  async inNetworkOf(host: Host, program: string): Promise<string> {
    const file = path.join(this.#root, `${program}-${host}`);
    const identity = path.join(this.#root, 'lan', host);
    const enter = `read -r pid rest <'${identity}' && exec nsenter -t "$pid" -n ${program} "$@"`;
    await writeFile(file, `#!/bin/sh\n${enter}\n`, { mode: 0o700 });
    return file;
  }

  /** Where this process finds what a machine has at an absolute path, in a directory of its own too. */
  async pathOutside(host: Host, inside: string): Promise<string> {
    const [pid] = (await readFile(path.join(this.#root, 'lan', host), 'utf8')).split(' ');
    return `/proc/${pid}/root${inside}`;
  }

  /** Pulls the network cable of a machine. */
  async cut(host: Host): Promise<void> {
    await this.#lan('cut', host);
  }

  /** Plugs the cable in again. */
  async mend(host: Host): Promise<void> {
    await this.#lan('mend', host);
  }

  /** Cuts the power of a machine. */
  async crash(host: Host): Promise<void> {
    await this.#lan('crash', host);
  }

  /**
   * Pid, parent, state and command line of all that is on a machine, but its init, the command that looks, and what
   * ended whose parent (0: nsenter) was outside and ended with it: nobody on the machine could reap that.
   */
  async processes(host: Host): Promise<string[]> {
    const ended = await this.exec(host, ['ps', '-e', '-o', 'pid=,ppid=,stat=,args=']);
    return ended.stdout
      .toString()
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !/^(1 |\d+ +0 +Z)/.test(line) && !line.includes('ps -e -o pid='));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lan('down');
    await removeTree(this.#root);
  }

  async #lan(...args: readonly string[]): Promise<void> {
    await check([script, ...args], { env: this.#env, timeoutMs: 30_000 });
  }

  #options(options: RunOptions): RunOptions {
    return { ...options, cwd: options.cwd ?? this.folder, env: { ...options.env, ...this.#env } };
  }
}
