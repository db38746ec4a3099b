/** Follows what the peer of this machine does, by asking it again and again: for `top` and `web`. */
import { visibleValue } from '../../core/visible.ts';
import { requestOne } from '../../local/client.ts';
import type { Moment, Run, Sample } from '../../web/messages.ts';
import type { Live, PeerStatus, Status } from '../../wire/cli-messages.ts';
import { jobsToUse } from '../status-view.ts';
import { hostedRunOf, runsOf, untoldEnds } from './runs.ts';

/** As many as the peer remembers. */
const mostRuns = 10_000;

export interface Update {
  readonly moment: Moment;
  /** Runs that are new or have changed since the last update. */
  readonly changed: readonly Run[];
  /** The peer was started again since: all that was known is forgotten. */
  readonly isReset: boolean;
}

export class LiveSwarm {
  readonly #socket: string;
  /** By key; those that ended first come first. */
  readonly #runs = new Map<string, Run>();
  #startedAtMs = 0;
  #ended = 0;
  #hostedEnded = 0;
  /** Jobs of other machines that ran here at the last look. */
  #hostedRunning: readonly Run[] = [];
  #last: { readonly atMs: number; readonly done: number } | undefined;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** All that is remembered. */
  get runs(): Run[] {
    return [...this.#runs.values()];
  }

  /** Asks the peer once. @throws SwarmError if it does not answer. */
  async update(): Promise<Update> {
    const changed = new Map<string, Run>();
    let isReset = false;
    let live: Live;
    do {
      live = visibleValue(await this.#ask());
      if (live.startedAtMs !== this.#startedAtMs) {
        isReset = true;
        this.#forget(live);
        changed.clear();
        live = visibleValue(await this.#ask());
      }
      this.#ended = live.ended;
      this.#hostedEnded = live.hostedEnded;
      const self = live.status.self.id;
      const nowMs = Date.now();
      const hosted = live.hostedRuns.map((run) => hostedRunOf(run, self));
      for (const run of [...hosted, ...untoldEnds(this.#hostedRunning, hosted, nowMs)])
        this.#take(run, changed);
      this.#hostedRunning = hosted.filter(({ outcome }) => outcome === 'running');
      for (const job of live.jobs) for (const run of runsOf(job, self, nowMs)) this.#take(run, changed);
      this.#forgetOldest();
    } while (live.isMore);
    return { moment: this.#momentOf(live), changed: [...changed.values()], isReset };
  }

  #forget({ startedAtMs }: Live): void {
    this.#startedAtMs = startedAtMs;
    this.#ended = 0;
    this.#hostedEnded = 0;
    this.#hostedRunning = [];
    this.#last = undefined;
    this.#runs.clear();
  }

  #ask(): Promise<Live> {
    return requestOne(this.#socket, { op: 'live', after: this.#ended, hostedAfter: this.#hostedEnded });
  }

  #take(run: Run, changed: Map<string, Run>): void {
    const known = this.#runs.get(run.key);
    if (known?.outcome === run.outcome && known.toMs === run.toMs) return;
    this.#runs.delete(run.key);
    this.#runs.set(run.key, run);
    changed.set(run.key, run);
  }

  #forgetOldest(): void {
    for (const key of this.#runs.keys()) {
      if (this.#runs.size <= mostRuns) break;
      this.#runs.delete(key);
    }
  }

  #momentOf({ status, build, hosted }: Live): Moment {
    const nowMs = Date.now();
    const { done } = status.jobs;
    const pastMs = this.#last === undefined ? 0 : nowMs - this.#last.atMs;
    const jobsPerSecond = pastMs <= 0 ? 0 : (Math.max(0, done - (this.#last?.done ?? 0)) * 1_000) / pastMs;
    this.#last = { atMs: nowMs, done };
    const sample = sampleOf(status, nowMs, jobsPerSecond);
    const own = this.runs.filter(({ job }) => job !== undefined);
    const gain = gainOf(own, build.startedAtMs, status.self.slots, nowMs);
    return { status, build, hosted, gain, advisedJobs: jobsToUse(status), sample };
  }
}

/** This peer, and those that work for it: what others say of themselves counts only then. */
export function workers(status: Status): PeerStatus[] {
  return [status.self, ...status.peers.filter(({ state }) => state === 'ready')];
}

function sampleOf(status: Status, atMs: number, jobsPerSecond: number): Sample {
  const all = workers(status);
  return {
    atMs,
    jobsPerSecond,
    slotsUsed: all.reduce((total, { running }) => total + running, 0),
    slots: all.reduce((total, { slots }) => total + slots, 0),
    queued: status.jobs.queued,
  };
}

/**
 * How many jobs ran at once since the build began, as a multiple of the slots of this machine: as much faster than this
 * machine alone, were all machines equally fast. Runs that did not count are left out.
 */
export function gainOf(
  runs: readonly Run[],
  sinceMs: number | undefined,
  ownSlots: number,
  nowMs: number,
): number | undefined {
  if (sinceMs === undefined) return undefined;
  let runMs = 0;
  let endMs = sinceMs;
  for (const { fromMs, toMs = nowMs, outcome } of runs) {
    if (fromMs < sinceMs) continue;
    endMs = Math.max(endMs, toMs);
    if (outcome !== 'lost') runMs += toMs - fromMs;
  }
  return endMs === sinceMs ? undefined : runMs / (endMs - sinceMs) / Math.max(1, ownSlots);
}
