/** A swarm of peers on guests of the NFS lab: A submits and has few slots of its own, the others work. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { bundleFiles } from '../../scripts/bundle-files.ts';
import { isBelow } from '../../src/core/paths.ts';
import type { Explanation } from '../../src/wire/cli-messages.ts';
import { checkout } from '../rig/child.ts';
import { type GuestName, runOnGuest } from './lab.ts';

/** Guests by slots; most jobs shall be remote. */
const slotsOf: Readonly<Record<GuestName, number>> = { A: 1, B: 2, C: 2 };
const guests = Object.keys(slotsOf) as GuestName[];
export const environment = 'export XDG_RUNTIME_DIR=/run/swarm HOME=/tmp;';
/** A local disk of each guest. */
const cache = '/run/cache';
const buildswarm = join(checkout, 'bin/buildswarm');
const startTimeoutMs = 600_000;
/** Says on a guest that its peer may serve the next test: to start one takes a guest half a minute. */
const kept = '/run/swarm/kept';
const stop = `${environment} rm -f ${kept}; ${buildswarm} stop --now 2>/dev/null || true`;

/** What `status --json` says of the jobs of a peer. */
export interface JobCounts {
  readonly jobs: { readonly remote: number; readonly inline: number; readonly retried: number };
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

interface PeerStatus extends JobCounts {
  readonly peers: readonly { readonly id: string; readonly doneForMe: number }[];
}

/** In few files, as what ships: guests take seconds to open hundreds. */
const believingPeer = join(checkout, '.cache/believing-peer');
let bundled: Promise<unknown> | undefined;

function bundleBelievingPeer(): Promise<unknown> {
  const entries = { peer: 'test/rig/believing-peer.ts', 'disk-thread': 'src/share/disk-thread.ts' };
  return (bundled ??= bundleFiles(checkout, entries, believingPeer));
}

const none: JobCounts = { jobs: { remote: 0, inline: 0, retried: 0 }, reasons: [] };

/** Ends the peers that tests have left running for the next. */
export async function stopPeers(): Promise<void> {
  await Promise.all(guests.map((name) => runOnGuest(name, stop, startTimeoutMs)));
}

/** `believing`: peers whose views take everything for proven; `serving`: they run jobs in files that are shown to them, too. */
type GuestPeers = 'shipped' | 'believing' | 'serving';

export class GuestSwarm implements AsyncDisposable {
  /** The share, with nothing in it yet. */
  readonly share: string;
  readonly #peer: GuestPeers;
  /** What A's peer had done before. */
  #before = none;

  private constructor(share: string, peer: GuestPeers) {
    this.share = share;
    this.#peer = peer;
  }

  /**
   * Starts peers on A, B and C, where none is left of an earlier test, and makes a share; returns when A has seen that the
   * others are members.
   */
  static async start(mount: string, peer: GuestPeers = 'shipped'): Promise<GuestSwarm> {
    const swarm = new GuestSwarm(`${mount}/swarm-${process.pid}-${Math.floor(performance.now())}`, peer);
    try {
      if (peer === 'believing') await bundleBelievingPeer();
      await runOnGuest('A', `mkdir -m 0755 ${swarm.share}`, startTimeoutMs);
      await Promise.all(guests.map((name) => swarm.#startPeer(name)));
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
    const { jobs, reasons } = await this.#status();
    const before = this.#before;
    const counted = (reason: string): number =>
      before.reasons.find((one) => one.reason === reason)?.count ?? 0;
    return {
      jobs: {
        remote: jobs.remote - before.jobs.remote,
        inline: jobs.inline - before.jobs.inline,
        retried: jobs.retried - before.jobs.retried,
      },
      reasons: reasons
        .map(({ reason, count }) => ({ reason, count: count - counted(reason) }))
        .filter(({ count }) => count > 0),
    };
  }

  /** What was noted of jobs below a directory, a line each. */
  async notesOf(directory: string): Promise<string[]> {
    const told = (await this.#explainJobs()).filter(({ cwd }) => isBelow(directory, cwd));
    return told
      .filter(({ reasons }) => reasons.length > 0)
      .map(({ command, reasons, details }) =>
        [command.slice(0, 80), ...reasons.map(({ reason }) => reason), ...details].join(', '),
      );
  }

  /** Jobs below a directory that ran elsewhere: how many of them in files that the worker was shown. */
  async waysOf(directory: string): Promise<{ readonly direct: number; readonly served: number }> {
    const viewed = (await this.#explainJobs())
      .filter(({ cwd }) => isBelow(directory, cwd))
      .flatMap(({ steps }) => steps.filter(({ kind }) => kind === 'viewed'));
    const served = viewed.filter(({ text }) => text.includes('is shown the files')).length;
    return { direct: viewed.length - served, served };
  }

  async #explainJobs(): Promise<Explanation[]> {
    const program = join(checkout, 'dist/test/rig/explain-jobs.js');
    return JSON.parse(await this.run('A', `node ${program}`, startTimeoutMs)) as Explanation[];
  }

  /** Jobs in a directory that ran more than once, wherever; and what was noted of them, joined, with its count. */
  async ranAgain(directory: string): Promise<{ readonly jobs: number; readonly why: string }> {
    const told = await this.#explainJobs();
    const again = told.filter(
      ({ cwd, steps }) =>
        isBelow(directory, cwd) &&
        steps.some(({ kind }) => kind === 'started') &&
        steps.filter(({ kind }) => kind === 'started' || kind === 'inline').length > 1,
    );
    const counts = new Map<string, number>();
    for (const { reasons } of again) {
      const all = reasons.map(({ reason }) => reason).join('+');
      counts.set(all, (counts.get(all) ?? 0) + 1);
    }
    return { jobs: again.length, why: [...counts].map(([all, count]) => `${all} ${count}`).join(', ') };
  }

  async stopPeer(name: GuestName): Promise<void> {
    await this.run(name, `${buildswarm} stop`, startTimeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#peer !== 'shipped') await stopPeers().catch(() => undefined);
    // What went wrong before must not be hidden by something that still writes there.
    await runOnGuest('A', `rm -rf ${this.share} || true`, startTimeoutMs).catch(() => undefined);
  }

  async #status(): Promise<PeerStatus> {
    return JSON.parse(await this.run('A', `${buildswarm} status --json`, startTimeoutMs)) as PeerStatus;
  }

  async #startPeer(name: GuestName): Promise<void> {
    const prepare = 'ip route replace 224.0.0.0/4 dev vec0; mkdir -p -m 0700 /run/swarm;';
    const flags = `--slots ${slotsOf[name]} --name ${name}`;
    const believing = `setsid node ${believingPeer}/peer.js ${flags} </dev/null >/run/swarm/peer.log 2>&1 &`;
    const answers = `until ${buildswarm} status >/dev/null 2>&1; do sleep 0.5; done`;
    // A guest on a machine that has much to do takes longer than `start` waits, which then ends what it has started.
    const shipped = `[ -e ${kept} ] && pgrep -f '[b]in/buildswarm daemon' >/dev/null || { ${stop}; until ${buildswarm} start ${flags}; do sleep 1; done; touch ${kept}; }`;
    const serving = `${stop}; until BUILDSWARM_CACHE=${cache} ${buildswarm} start ${flags}; do sleep 1; done`;
    const start = { shipped, serving, believing: `${stop}; ${believing} ${answers}` }[this.#peer];
    await runOnGuest(name, `${prepare} ${environment} ${start}`, startTimeoutMs);
  }

  /** Runs small jobs until both workers have finished one. */
  async #proveMembers(): Promise<void> {
    const before = await this.#status();
    this.#before = before;
    const doneBefore = new Map(before.peers.map(({ id, doneForMe }) => [id, doneForMe]));
    const probe = `for n in 1 2 3 4; do ${swarmrun} sort /dev/null & done; wait; ${buildswarm} status --json`;
    const deadlineMs = performance.now() + startTimeoutMs;
    for (;;) {
      const { peers } = JSON.parse(await this.run('A', probe, startTimeoutMs)) as PeerStatus;
      const proven = peers.filter(({ id, doneForMe }) => doneForMe > (doneBefore.get(id) ?? 0));
      if (proven.length >= guests.length - 1) return;
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
