/** A swarm of peers on guests of the NFS lab: A submits and has few slots of its own, the others work. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkout } from '../rig/child.ts';
import { type GuestName, runOnGuest } from './lab.ts';

/** Guests by slots; most jobs shall be remote. */
const slotsOf: Readonly<Record<GuestName, number>> = { A: 1, B: 2, C: 2 };
const guests = Object.keys(slotsOf) as GuestName[];
const environment = 'export XDG_RUNTIME_DIR=/run/swarm HOME=/tmp;';
const buildswarm = join(checkout, 'bin/buildswarm');
const startTimeoutMs = 60_000;

/** What `status --json` says of the jobs of a peer. */
export interface JobCounts {
  readonly jobs: { readonly remote: number; readonly inline: number; readonly retried: number };
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

export class GuestSwarm implements AsyncDisposable {
  /** The share, with nothing in it yet. */
  readonly share: string;

  private constructor(share: string) {
    this.share = share;
  }

  /**
   * Starts peers on A, B and C and makes a share; returns when A has seen that the others are members.
   *
   * @param peer - `believing`: peers whose views take everything for proven.
   */
  static async start(mount: string, peer: 'shipped' | 'believing' = 'shipped'): Promise<GuestSwarm> {
    const swarm = new GuestSwarm(`${mount}/swarm-${process.pid}-${Math.floor(performance.now())}`);
    try {
      await runOnGuest('A', `mkdir -m 0755 ${swarm.share}`, startTimeoutMs);
      await Promise.all(guests.map((name) => swarm.#startPeer(name, peer)));
      await swarm.run('A', `${buildswarm} share ${swarm.share}`, startTimeoutMs);
      await swarm.#proveMembers();
      return swarm;
    } catch (error) {
      await swarm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a shell command in the share on a guest, with that guest's peer in its environment. */
  run(name: GuestName, command: string, timeoutMs: number): Promise<string> {
    return runOnGuest(name, `${environment} cd ${this.share} && ${command}`, timeoutMs);
  }

  /** How A's jobs went so far. */
  async counts(): Promise<JobCounts> {
    return JSON.parse(await this.run('A', `${buildswarm} status --json`, startTimeoutMs)) as JobCounts;
  }

  async stopPeer(name: GuestName): Promise<void> {
    await this.run(name, `${buildswarm} stop`, startTimeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(
      guests.map((name) => runOnGuest(name, `${environment} ${buildswarm} stop --now`, startTimeoutMs)),
    );
    // What went wrong before must not be hidden by something that still writes there.
    await runOnGuest('A', `rm -rf ${this.share} || true`, startTimeoutMs).catch(() => undefined);
  }

  async #startPeer(name: GuestName, peer: 'shipped' | 'believing'): Promise<void> {
    const prepare = 'ip route replace 224.0.0.0/4 dev vec0; mkdir -p -m 0700 /run/swarm;';
    // A test that was killed may have left one.
    const flags = `--slots ${slotsOf[name]} --name ${name}`;
    const believing = `setsid node ${join(checkout, 'dist/test/rig/believing-peer.js')} ${flags} </dev/null >/run/swarm/peer.log 2>&1 &`;
    const start =
      peer === 'shipped'
        ? `${buildswarm} start ${flags}`
        : `${believing} until ${buildswarm} status >/dev/null 2>&1; do sleep 0.2; done`;
    await runOnGuest(
      name,
      `${prepare} ${environment} ${buildswarm} stop --now 2>/dev/null; ${start}`,
      startTimeoutMs,
    );
  }

  /** Runs small jobs until both workers have finished one. */
  async #proveMembers(): Promise<void> {
    const probe = `for n in 1 2 3 4; do ${swarmrun} sort /dev/null & done; wait; ${buildswarm} status --json`;
    const deadlineMs = performance.now() + startTimeoutMs;
    for (;;) {
      const status = JSON.parse(await this.run('A', probe, startTimeoutMs)) as {
        peers: { doneForMe: number }[];
      };
      if (status.peers.filter(({ doneForMe }) => doneForMe > 0).length >= guests.length - 1) return;
      if (performance.now() > deadlineMs)
        throw new Error(
          `guests B and C take no jobs of A: ${await this.run('A', `${buildswarm} status; ${buildswarm} why`, startTimeoutMs)}`,
        );
      await sleep(200);
    }
  }
}

/** The wrapper; guests see the checkout at the host's path. */
export const swarmrun = join(checkout, 'bin/swarmrun');

/** One line for people: where jobs ran, and why not remotely or more than once. */
export function describeCounts({ jobs, reasons }: JobCounts): string {
  const why = reasons.map(({ reason, count }) => `${reason} ${count}`).join(', ');
  return `${jobs.remote} remote, ${jobs.inline} inline, ${jobs.retried} retried (${why})`;
}
