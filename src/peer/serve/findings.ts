/** What a worker finds after a job has run: its outputs, what else changed, and what it had read. */

import { BoundedMap } from '../../core/bounded-map.ts';
import { variablesOf } from '../../core/command/environment.ts';
import { ownDirectories } from '../../core/command/launcher.ts';
import { getOrMake } from '../../core/get-or-make.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import { isHidden } from '../../core/share-layout.ts';
import type { NamedFact } from '../../core/view/contract.ts';
import { ReadLog } from '../../core/view/read-log.ts';
import { readTrace, type TraceContext, type Traced } from '../../core/view/trace.ts';
import { TraceNames } from '../../core/view/trace-names.ts';
import { OutsideLog } from '../../machine/outside-log.ts';
import type { Sameness } from '../../machine/sameness.ts';
import { removeHidden } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import { KnownFacts } from '../../share/known-facts.ts';
import { scanBelow } from '../../share/scan.ts';
import { ShareClock } from '../../share/share-clock.ts';
import type { Walked } from '../../share/walk-answer.ts';
import { splitNul } from '../../wire/bytes.ts';
import type { JobFacts, Offer } from '../../wire/job-messages.ts';
import { maxStrings } from '../../wire/limits.ts';
import type { Seen } from '../../wire/values.ts';
import type { HostedJob } from './hosted-job.ts';
import { questionsOf, tracedFiles } from './traced-files.ts';

/** Peers that are gone of which is remembered what they were told. */
const maxOldLogs = 32;
/** Of which names and facts are remembered. */
const mostShares = 4;
/** Clocks drift: a share's is compared again after this time. */
const clockMs = 600_000;

/** What one submitter was told of what its jobs have read. */
interface Logs {
  /** By root of the share. */
  readonly read: Map<string, ReadLog>;
  readonly outside: OutsideLog;
}

/** What is known of one share, whoever submits. */
interface KnownShare {
  readonly names: TraceNames;
  readonly facts: KnownFacts;
}

/** A job that has run. */
type TracedJob = Pick<HostedJob, 'peer' | 'offer' | 'environment' | 'trace'>;

/** What is to be looked at besides the outputs, where nothing was traced. */
const nothing = { behind: [], plain: [], stamped: [] } as const;

export interface FindingsInit {
  readonly disk: Disk;
  readonly sameness: Sameness;
  readonly now: () => number;
  /** The directory of the traces, which are not among what a command looks up. */
  readonly traces: string | undefined;
}

export class Findings {
  readonly #init: FindingsInit;
  readonly #logs = new Map<PeerName, Logs>();
  /** Of peers that are gone. */
  readonly #oldLogs = new BoundedMap<PeerName, Logs>(maxOldLogs);
  /** By share. */
  readonly #clocks = new Map<string, ShareClock>();
  readonly #known = new BoundedMap<string, KnownShare>(mostShares);
  /** By the share's clock. */
  readonly #begunMs = new WeakMap<Offer, number>();

  constructor(init: FindingsInit) {
    this.#init = init;
  }

  /** Notes the time before a job, where what changed since then is to be looked for after it. */
  async begin(offer: Offer): Promise<void> {
    if (offer.scan.length === 0) return;
    const aheadMs = await this.#aheadMs(offer.share);
    this.#begunMs.set(offer, this.#init.now() + aheadMs);
  }

  /** What the submitter needs to see before it believes the result. */
  async look(job: TracedJob): Promise<JobFacts> {
    const { offer } = job;
    const lookedMs = performance.now();
    const trace = this.#traceOf(job);
    const [{ fresh: facts, ...answers }, { changed, cut }] = await Promise.all([
      this.#init.disk.ask({ ...(trace === undefined ? nothing : questionsOf(trace)), fresh: offer.outputs }),
      this.#scan(offer),
    ]);
    const outputs: Seen[] = offer.outputs.flatMap((path, index) => {
      const fact = facts[index];
      return fact === undefined ? [] : [{ path, fact }];
    });
    const known = new Set(offer.outputs);
    outputs.push(...changed.filter(({ path }) => !known.has(path)));
    if (trace === undefined) return { outputs, ...(cut !== undefined && { unscanned: cut }) };
    const traced = tracedFiles(trace, answers, this.#knownOf(offer.share).facts);
    const gap = gapOf(offer, traced.made) ?? traced.gap;
    if (gap !== undefined) return { outputs, gap };
    outputs.push(...traced.made);
    const log = this.#logsOf(job.peer);
    const read = getOrMake(log.read, offer.share, () => new ReadLog());
    return {
      outputs,
      read: read.report(traced.read, offer.view.knownReports),
      outside: await log.outside.report(traced.outside, this.#init.sameness, offer.knownOutside, lookedMs),
      replaced: traced.replaced,
    };
  }

  /** A job that nobody wants any more has ended: removes what it left under hidden names. Never rejects. */
  async discard({ outputs }: Offer): Promise<void> {
    const hidden = outputs.filter(isHidden);
    if (hidden.length === 0) return;
    await removeHidden(this.#init.disk, hidden).catch(() => {
      // The submitter, or the sweep of another day, finds it.
    });
  }

  /**
   * What was told is kept: a peer of the same name is the same process, which may not have noticed that the connection was
   * made anew. Numbers that it has heard of must not come to mean something else.
   */
  peerGone(peer: PeerName): void {
    const logs = this.#logs.get(peer);
    if (logs === undefined) return;
    this.#logs.delete(peer);
    this.#oldLogs.set(peer, logs);
  }

  /** @throws Error if there was more than a trace holds */
  #traceOf({ offer, environment, trace }: TracedJob): Traced | undefined {
    if (trace === undefined) return undefined;
    const { traces } = this.#init;
    const { cwd, share: root, outputs } = offer;
    const variables = variablesOf(splitNul(environment, maxStrings));
    const context: TraceContext = {
      cwd,
      root,
      outputs,
      passedOver: traces === undefined ? [] : [traces],
      ownDirectories: ownDirectories(variables),
      timeZone: variables.get('TZ'),
      searchPath: variables.get('PATH'),
    };
    return readTrace(trace.records(), context, this.#knownOf(root).names);
  }

  #knownOf(root: string): KnownShare {
    return getOrMake(this.#known, root, () => ({ names: new TraceNames(root), facts: new KnownFacts() }));
  }

  async #scan(offer: Offer): Promise<Walked> {
    const begunMs = this.#begunMs.get(offer);
    return begunMs === undefined ? { changed: [] } : await scanBelow(this.#init.disk, offer.scan, begunMs);
  }

  /** How far the share's clock is ahead; rather too little, so that no change is missed. */
  async #aheadMs(root: string): Promise<number> {
    const { disk, now } = this.#init;
    const clock = getOrMake(
      this.#clocks,
      root,
      () => new ShareClock({ disk, root, now, believedMs: clockMs }),
    );
    const { aheadMs, uncertaintyMs } = await clock.lead();
    return aheadMs - uncertaintyMs;
  }

  #logsOf(peer: PeerName): Logs {
    return getOrMake(this.#logs, peer, () => {
      const old = this.#oldLogs.get(peer);
      this.#oldLogs.delete(peer);
      return old ?? { read: new Map(), outside: new OutsideLog() };
    });
  }
}

/** Why what it made in the share besides its outputs keeps these from being renamed. */
function gapOf({ outputs }: Offer, [made]: readonly NamedFact[]): string | undefined {
  const isHeld = outputs.length > 0 && outputs.every(isHidden);
  return isHeld && made !== undefined ? `it also wrote ${made.path}` : undefined;
}
