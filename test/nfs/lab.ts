/** The host's side of the NFS lab: runs commands on a guest, starts an agent there, and asks it. */
import { execFileSync } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { createInterface, type Interface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isFull } from '../rig/effort.ts';
import type { GuestCall, GuestCalls } from './guest-agent.ts';
import type { GuestCommand, GuestEnd } from './lab/agent.ts';

const agentPort = 7_800;
/** Of lab/agent.ts. */
const shellPort = 7_777;
const shortMs = 60_000;

/** Guests by address: clients, and a server; see lab/raise. */
const addresses = { A: '10.77.0.11', B: '10.77.0.12', C: '10.77.0.13', knfsd: '10.77.0.1' } as const;
export type GuestName = Exclude<keyof typeof addresses, 'knfsd'>;

const servers = process.env['BUILDSWARM_NFS_SERVERS'];

/** Why there is no lab to test in; undefined if there is one. */
export const noLab: string | undefined =
  servers === undefined ? 'no NFS lab is up: run test/nfs/run' : undefined;

/** Mounts that every guest has, at default options. */
export function labMounts(): string[] {
  return (servers?.split(' ') ?? []).flatMap((server) => [`/mnt/${server}-v4`, `/mnt/${server}-v3`]);
}

/** Each server and each version once; all pairs of them in a full run. `share.test.ts` looks at all in any run. */
export function fewMounts(): string[] {
  return isFull ? labMounts() : labMounts().filter((_mount, index) => index % 4 === 0 || index % 4 === 3);
}

/**
 * Runs a shell command on a guest, as ssh would.
 *
 * @param timeoutMs - then the command on the guest is killed.
 * @throws Error with all that it said, if its status is not 0.
 */
export async function runOnGuest(
  name: keyof typeof addresses,
  command: string,
  timeoutMs: number,
): Promise<string> {
  const socket = connect(shellPort, addresses[name]);
  // The guest keeps the time; this is for one that does not answer at all.
  const timer = setTimeout(
    () => socket.destroy(new Error(`guest ${name} does not answer: ${command}`)),
    timeoutMs + 20_000,
  );
  try {
    socket.write(`${JSON.stringify({ command, timeoutMs } satisfies GuestCommand)}\n`);
    const { status, stdout, stderr } = JSON.parse(await text(socket)) as GuestEnd;
    if (status === 0) return stdout;
    throw new Error(
      `on guest ${name}: ${command}\nstatus ${status}\n${stdout.slice(-4_000)}${stderr.slice(-4_000)}`,
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Takes a host off the network, or puts it back. */
export function labHost(action: 'cut' | 'mend', name: string): void {
  const port = ['link', 'set', `tap-${name}`];
  execFileSync('ip', action === 'cut' ? [...port, 'nomaster'] : [...port, 'master', 'lab']);
}

/** A connection to the agent on a guest. */
export class Guest implements AsyncDisposable {
  readonly #name: GuestName;
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  /** How long the last call took on the guest. */
  lastMs = 0;

  private constructor(name: GuestName, socket: Socket) {
    this.#name = name;
    this.#socket = socket;
    this.#reader = createInterface({ input: socket });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  static async start(name: GuestName): Promise<Guest> {
    const agent = fileURLToPath(new URL('./guest-agent.js', import.meta.url));
    await runOnGuest(
      name,
      `setsid node ${agent} ${agentPort} </dev/null >/tmp/agent.log 2>&1 & echo $! >/tmp/agent.pid`,
      shortMs,
    );
    const deadlineMs = performance.now() + 20_000;
    for (;;) {
      const socket = connect(agentPort, addresses[name]);
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
    await runOnGuest(this.#name, 'kill $(cat /tmp/agent.pid)', shortMs);
  }
}
