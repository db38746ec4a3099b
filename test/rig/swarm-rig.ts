/** Peers on a LAN of namespaces, and the programs that users run, for one end-to-end test. */
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Explanation, Status } from '../../src/wire/cli-messages.ts';
import { checked, checkout, type Ended, type Running, type RunOptions } from './child.ts';
import { type Host, Lan } from './lan.ts';
import { until } from './until.ts';

export interface SwarmOptions {
  /** Default: 4. */
  readonly machines?: number;
  /** Of each peer; default: 2. */
  readonly slots?: number;
  /** Machines that get a peer; default: all. */
  readonly peers?: readonly Host[];
  /** Directories that each machine has for itself, as `['/etc', '/usr/local']`; then they can differ. */
  readonly ownRoots?: readonly string[];
  /** Whether jobs can run in files that are served; default: if this machine can. */
  readonly serves?: boolean;
}

const buildswarm = path.join(checkout, 'bin/buildswarm');

/**
 * A swarm of peers that found each other by themselves, and a share that all see (the current directory of all
 * that is run). `await using` ends it all; if the test failed, what the peers logged is printed.
 */
export class SwarmRig {
  readonly lan: Lan;
  readonly share: string;
  readonly #slots: number;
  readonly #logs = new Map<Host, string>();

  private constructor(lan: Lan, slots: number) {
    this.lan = lan;
    this.share = lan.folder;
    this.#slots = slots;
  }

  static async start(t: TestContext | undefined, options: SwarmOptions = {}): Promise<SwarmRig> {
    const lan = await Lan.up(options.machines ?? 4, options);
    const rig = new SwarmRig(lan, options.slots ?? 2);
    t?.after(() => rig.#printLogs(t));
    try {
      await rig.check('m1', [buildswarm, 'share', rig.share]);
      const hosts = options.peers ?? lan.hosts;
      await Promise.all(hosts.map((host) => rig.startPeer(host)));
      // One after the other: to ask costs more than to be a peer.
      for (const host of hosts) await rig.untilSees(host, hosts.length - 1);
    } catch (error) {
      await rig[Symbol.asyncDispose]();
      throw error;
    }
    return rig;
  }

  async startPeer(host: Host, ...options: readonly string[]): Promise<void> {
    await this.check(host, [buildswarm, 'start', '--slots', String(this.#slots), ...options]);
  }

  async stopPeer(host: Host): Promise<void> {
    await this.check(host, [buildswarm, 'stop', '--now']);
  }

  /** SIGKILL, as the kernel does when memory is short: no good-bye to anybody. */
  async killPeer(host: Host): Promise<void> {
    await this.signalPeer(host, 'KILL');
  }

  /** `STOP` and `CONT` freeze and thaw a peer. */
  async signalPeer(host: Host, signal: 'KILL' | 'STOP' | 'CONT'): Promise<void> {
    // The brackets keep the pattern from matching the shell that holds it.
    const pids = "$(ps -e -o pid=,args= | awk '/[b]in\\/buildswarm daemon/ {print $1}')";
    await this.check(host, ['sh', '-c', `kill -${signal} ${pids}`]);
  }

  /** Waits until a peer sees so many others that are ready. */
  async untilSees(host: Host, count: number, deadlineMs = 10_000): Promise<void> {
    await until(
      async () => (await this.status(host)).peers.filter((peer) => peer.state === 'ready').length >= count,
      deadlineMs,
      `${host} sees ${count} peers`,
    );
  }

  async status(host: Host): Promise<Status> {
    return JSON.parse(await this.check(host, [buildswarm, 'status', '--json'])) as Status;
  }

  /** What the peer of a machine tells of every job that was handed in there. */
  async explainJobs(host: Host): Promise<Explanation[]> {
    const program = path.join(checkout, 'dist/test/rig/explain-jobs.js');
    return JSON.parse(await this.check(host, [process.execPath, program])) as Explanation[];
  }

  /** Runs a program to its end; in the share unless told otherwise. */
  async exec(host: Host, argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.lan.exec(host, argv, options);
  }

  start(host: Host, argv: readonly string[], options: RunOptions = {}): Running {
    return this.lan.start(host, argv, options);
  }

  /** Runs a program that is to succeed, and returns its stdout as text. */
  async check(host: Host, argv: readonly string[], options: RunOptions = {}): Promise<string> {
    return checked(argv, await this.exec(host, argv, options));
  }

  /** What runs on a machine besides its peer and the peer's runner. */
  async jobs(host: Host): Promise<string[]> {
    const all = await this.lan.processes(host);
    return all.filter(
      (line) => !/bin\/(buildswarm|swarmexec|swarmlook|swarmtree|swarmfs)|dist\/src\//.test(line),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gather =
      'tail -n 60 "$XDG_RUNTIME_DIR"/buildswarm/*.log "$XDG_RUNTIME_DIR"/buildswarm/*/*.log 2>/dev/null';
    for (const host of this.lan.hosts) {
      const ended = await this.lan.exec(host, ['sh', '-c', gather]);
      this.#logs.set(host, ended.stdout.toString());
    }
    await this.lan[Symbol.asyncDispose]();
  }

  #printLogs(t: TestContext): void {
    // Node 20 has `passed`, its types do not.
    if ((t as TestContext & { readonly passed?: boolean }).passed !== false) return;
    for (const [host, log] of this.#logs) console.error(`--- the peer of ${host} logged\n${log}`);
  }
}
