/** The host's side of the NFS lab: starts an agent on a guest, and asks it. Runs in the lab's network namespace. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { GuestCall, GuestCalls } from './guest-agent.ts';

const agentPort = 7_800;

/** Why there is no lab to test in; undefined if there is one. */
export const noLab: string | undefined =
  process.env['BUILDSWARM_LAB'] === undefined || process.env['LAB_STATE'] === undefined
    ? 'no NFS lab is up: run test/nfs/run'
    : undefined;

/** Mounts that every guest has, at default options. */
export function labMounts(): string[] {
  const pids = noLab === undefined ? readFileSync(join(process.env['LAB_STATE'] ?? '', 'pids'), 'utf8') : '';
  const servers = ['knfsd', 'ganesha'].filter((name) => new RegExp(`^\\d+ ${name}$`, 'm').test(pids));
  return servers.flatMap((server) => [`/mnt/${server}-v4`, `/mnt/${server}-v3`]);
}

/** Runs a shell command on a guest, as ssh would. */
export function onGuest(name: string, command: string): string {
  const done = spawnSync(join(process.env['BUILDSWARM_LAB'] ?? '', 'lab-exec.sh'), [name, command], {
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(`on guest ${name}: ${command}\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

/** Takes a host off the network, or puts it back. */
export function labHost(action: 'cut' | 'mend', name: string): void {
  const done = spawnSync(join(process.env['BUILDSWARM_LAB'] ?? '', 'lab-host.sh'), [action, name], {
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(`lab-host.sh ${action} ${name}: ${done.stderr}`);
}

/** A connection to the agent on a guest. */
export class Guest implements AsyncDisposable {
  readonly #name: string;
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  /** How long the last call took on the guest. */
  lastMs = 0;

  private constructor(name: string, socket: Socket) {
    this.#name = name;
    this.#socket = socket;
    this.#reader = createInterface({ input: socket });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  static async start(name: string): Promise<Guest> {
    const agent = fileURLToPath(new URL('./guest-agent.js', import.meta.url));
    onGuest(
      name,
      `setsid node ${agent} ${agentPort} </dev/null >/tmp/agent.log 2>&1 & echo $! >/tmp/agent.pid`,
    );
    const hosts = readFileSync(join(process.env['LAB_STATE'] ?? '', 'hosts'), 'utf8');
    const address = new RegExp(`^${name} (\\S+)$`, 'm').exec(hosts)?.[1] ?? '';
    const deadlineMs = performance.now() + 20_000;
    for (;;) {
      const socket = connect(agentPort, address);
      const error = await new Promise<Error | undefined>((done) => {
        socket.once('connect', () => done(undefined)).once('error', done);
      });
      if (error === undefined) {
        socket.setNoDelay(true);
        return new Guest(name, socket);
      }
      if (performance.now() > deadlineMs) throw error;
      await sleep(50);
    }
  }

  /** Does a call on the guest. */
  async ask<Name extends GuestCall>(
    call: Name,
    ...args: Parameters<GuestCalls[Name]>
  ): Promise<Awaited<ReturnType<GuestCalls[Name]>>> {
    this.#socket.write(`${JSON.stringify({ call, args })}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the agent on guest ${this.#name} is gone`);
    const { result, error, wallMs } = JSON.parse(value) as {
      result: never;
      error?: string;
      wallMs: number;
    };
    if (error !== undefined) throw new Error(`on guest ${this.#name}: ${call}: ${error}`);
    this.lastMs = wallMs;
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close();
    this.#socket.destroy();
    onGuest(this.#name, 'kill $(cat /tmp/agent.pid)');
    await sleep(0);
  }
}
