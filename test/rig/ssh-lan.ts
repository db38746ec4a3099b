/** Machines of one person that share nothing: own /etc, /srv and home, an sshd each, and peers. Root only: sshd needs it. */
import path from 'node:path';
import { checked, checkout, type Ended, type Running, type RunOptions } from './child.ts';
import { type Host, Lan } from './lan.ts';
import { until } from './until.ts';

/** Root's, which sshd takes from /etc/passwd. */
const home = '/root';
const bin = path.join(checkout, 'bin');
const nodeFolder = path.dirname(process.execPath);

/** What a machine is to have before it can be reached by ssh. */
const setUp = `set -e
mkdir -p /run/sshd ${home}/.ssh
chmod 700 ${home} ${home}/.ssh
rm -rf ${home}/.config /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -f ${home}/.ssh/id_ed25519
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
cat ${home}/.ssh/id_ed25519.pub /etc/ssh/ssh_host_ed25519_key.pub`;

const sshd = [
  '-o UsePAM=no -o PermitRootLogin=prohibit-password -o PasswordAuthentication=no -o StrictModes=no',
  `-o 'SetEnv=XDG_RUNTIME_DIR=/run/user/0 PATH=${bin}:${nodeFolder}:/usr/local/bin:/usr/bin:/bin'`,
].join(' ');

/** As `buildswarm peers --json` tells it. */
export interface ListedMachine {
  readonly name: string;
  readonly key: string;
  readonly addresses: readonly string[];
  readonly connected: boolean;
}

/** Ends with `await using`. */
export class SshLan {
  readonly lan: Lan;

  private constructor(lan: Lan) {
    this.lan = lan;
  }

  static async up(count: number): Promise<SshLan> {
    const made = new SshLan(await Lan.up(count, { ownRoots: ['/etc', '/srv', home] }));
    try {
      await made.#raise();
    } catch (error) {
      await made.lan[Symbol.asyncDispose]();
      throw error;
    }
    return made;
  }

  async #raise(): Promise<void> {
    const { hosts } = this.lan;
    const keys = await Promise.all(hosts.map((host) => this.shell(host, setUp)));
    const authorized = keys.map((both) => both.split('\n')[0]).join('\n');
    const known = keys.map((both, at) => `m${at + 1} ${both.split('\n')[1]}`).join('\n');
    const names = hosts.map((host, at) => `10.99.0.${at + 1} ${host}`).join('\n');
    const finish = `echo '${names}' >>/etc/hosts
      echo '${authorized}' >${home}/.ssh/authorized_keys; echo '${known}' >${home}/.ssh/known_hosts
      /usr/sbin/sshd -f /dev/null ${sshd}`;
    await Promise.all(hosts.map((host) => this.shell(host, finish)));
    await this.shell('m1', hosts.map((host) => `ssh ${host} true`).join(' && '));
  }

  async run(host: Host, argv: readonly string[], options: RunOptions = {}): Promise<Ended> {
    // No overlay lies on another, and the homes are overlays.
    const cache = path.join(this.lan.folder, `cache-${host}`);
    return await this.lan.exec(host, argv, {
      ...options,
      env: { HOME: home, BUILDSWARM_CACHE: cache, ...options.env },
    });
  }

  start(host: Host, argv: readonly string[]): Running {
    return this.lan.start(host, argv, { env: { HOME: home } });
  }

  /** Runs a script that is to succeed. @returns what it printed. */
  async shell(host: Host, script: string): Promise<string> {
    const argv = ['bash', '-c', script];
    return checked(argv, await this.run(host, argv));
  }

  /** `buildswarm …`, which is to succeed. */
  async buildswarm(host: Host, ...args: readonly string[]): Promise<string> {
    const argv = [path.join(bin, 'buildswarm'), ...args];
    return checked(argv, await this.run(host, argv));
  }

  /** `buildswarm …`, which is to fail. @returns its last line. */
  async complaint(
    host: Host,
    args: readonly string[],
    options: RunOptions & { readonly path?: string } = {},
  ): Promise<string> {
    const search = options.path === undefined ? [] : ['env', `PATH=${options.path}`];
    const ended = await this.run(host, [...search, path.join(bin, 'buildswarm'), ...args], options);
    if (ended.status === 0) throw new Error(`buildswarm ${args.join(' ')} did not fail`);
    const lines = ended.stderr.toString().trimEnd().split('\n');
    return lines.at(-1) ?? '';
  }

  async peers(host: Host): Promise<ListedMachine[]> {
    return JSON.parse(await this.buildswarm(host, 'peers', '--json')) as ListedMachine[];
  }

  /** Waits until the machine is connected with just those that are named. */
  async untilConnected(host: Host, ...names: readonly string[]): Promise<void> {
    await until(
      async () => {
        const connected = (await this.peers(host)).filter((machine) => machine.connected);
        return connected.map(({ name }) => name).join() === names.join();
      },
      60_000,
      `${host} is connected with ${names.join() || 'nobody'}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lan[Symbol.asyncDispose]();
  }
}
