/**
 * What a worker checks before it runs a job for another peer, and looks at after: is that peer a member, is this the
 * same share, is the directory really below it, are the programs the same, do I see the files as the submitter does?
 */

import { variablesOf } from '../../core/command/environment.ts';
import { isBelow, isSystemPath, resolvePath } from '../../core/command/paths.ts';
import type { Fact } from '../../core/fact.ts';
import type { RefusalCode } from '../../core/reason.ts';
import type { PeerName } from '../../core/schedule/contract.ts';
import type { NamedFact } from '../../core/view/contract.ts';
import { ReadLog } from '../../core/view/read-log.ts';
import { continueOffer, type OfferAction, type OfferState, takeOffer } from '../../core/view/worker.ts';
import { type Sameness, SystemLog } from '../../machine/sameness.ts';
import { removeHidden, shareClockMs } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import { readFacts } from '../../share/facts.ts';
import { refreshDirectories } from '../../share/refresh.ts';
import { realPathsBelow, type Share, type Shares } from '../../share/shares.ts';
import type { JobChannel } from '../../swarm/libp2p/channel.ts';
import { toText } from '../../wire/bytes.ts';
import type { Fetch, JobFacts, Offer, Tool } from '../../wire/job-messages.ts';
import type { Seen } from '../../wire/values.ts';
import { parseStrings } from '../../wire/wrapper-messages.ts';
import type { Members, Standing } from '../trust/membership.ts';
import { sendOutput } from './send-output.ts';

export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
  readonly stale?: readonly NamedFact[];
  /** What differs, as it is here. */
  readonly tool?: Tool;
  readonly cpu?: string;
}

/** Looks below the directories of a command that nobody understands. */
const maxScanned = 20_000;
/** Peers that are gone of which is remembered what they were told. */
const maxOldLogs = 32;
/** Clocks drift: a share's is compared again after this time. */
const clockMs = 600_000;

interface Logs {
  readonly read: Map<string, ReadLog>;
  readonly system: SystemLog;
}

export class WorkPlace {
  readonly #disk: Disk;
  readonly #shares: Shares;
  readonly #members: Members;
  readonly #sameness: Sameness;
  readonly #now: () => number;
  readonly #logs = new Map<PeerName, Logs>();
  /** Of peers that are gone. */
  readonly #oldLogs = new Map<PeerName, Logs>();
  /** Ahead of the local clock, by share. */
  readonly #clocks = new Map<string, { readonly aheadMs: Promise<number>; readonly atMs: number }>();
  readonly #startedMs = new WeakMap<Offer, number>();

  constructor(init: { disk: Disk; shares: Shares; members: Members; sameness: Sameness; now: () => number }) {
    this.#disk = init.disk;
    this.#shares = init.shares;
    this.#members = init.members;
    this.#sameness = init.sameness;
    this.#now = init.now;
  }

  /** What a peer has shown; before it is a member, nothing of its jobs is even read. */
  standing(peer: PeerName): Standing {
    return this.#members.standing(peer);
  }

  /** Looks again whether a peer is a member. */
  proveAgain(peer: PeerName): Promise<boolean> {
    return this.#members.proveAgain(peer);
  }

  /** @returns why the job is refused, or undefined. */
  async prepare(
    peer: PeerName,
    offer: Offer,
    argv: Uint8Array,
    environment: Uint8Array,
  ): Promise<Refusal | undefined> {
    // Nothing there is looked at before this: a path alone can mount something.
    if (!this.#members.hasJoined(offer.share))
      return { code: 'share', detail: `this peer is no member of the share ${toText(offer.share)}` };
    const membership = await this.#members.check(offer.share, peer);
    if (!membership.ok) return { code: 'not-member', detail: membership.why };
    const found = await this.#shares.find(offer.share);
    if (!found.ok) return { code: 'share', detail: found.why };
    const { share } = found;
    if (share.root !== offer.share)
      return { code: 'share', detail: `${toText(offer.share)} is no share here` };
    const { view } = offer;
    const named = [
      ...view.refresh,
      ...view.files.map(({ path }) => path),
      ...offer.scan,
      ...offer.reopen,
      ...(offer.dependencies === undefined ? [] : [offer.dependencies]),
    ];
    if (!named.every((path) => isBelow(share.root, path) && resolvePath('/', path) === path)) {
      return { code: 'outside-share', detail: 'a path of the job is not below the share' };
    }
    const linkedOut = await this.#linkedOut(share, offer, argv);
    if (typeof linkedOut === 'string') return { code: 'outside-share', detail: linkedOut };
    const differing = await this.#differing(offer, environment, linkedOut);
    if (differing !== undefined) return differing;
    const stale = await this.#see(share.root, offer);
    if (stale.length > 0) {
      return {
        code: 'stale-view',
        detail: stale
          .map(({ path }) => toText(path))
          .join(', ')
          .slice(0, 1_000),
        stale,
      };
    }
    await readFacts(this.#disk, offer.reopen, { fresh: true });
    // After the refresh, so that what is resolved is what the submitter sees.
    const written = [...offer.outputs, ...offer.scan];
    if (offer.dependencies !== undefined) written.push(offer.dependencies);
    const places = await realPathsBelow(this.#disk, share, [offer.cwd, ...written]);
    const outside = places.find((place) => !place.ok);
    if (outside !== undefined && !outside.ok) return { code: 'outside-share', detail: outside.why };
    if (offer.scan.length > 0) this.#startedMs.set(offer, this.#now() + (await this.#clock(share.root)));
    return undefined;
  }

  /** What the submitter needs to see before it believes the result. */
  async look(peer: PeerName, offer: Offer): Promise<JobFacts> {
    const [facts, scanned, read] = await Promise.all([
      readFacts(this.#disk, offer.outputs, { fresh: true }),
      this.#scan(offer),
      offer.dependencies === undefined
        ? undefined
        : this.#disk.run('readDependencies', { path: offer.dependencies, cwd: offer.cwd, root: offer.share }),
    ]);
    const outputs: Seen[] = offer.outputs.flatMap((path, index) => {
      const fact: Fact | undefined = facts[index];
      return fact === undefined ? [] : [{ path, fact }];
    });
    const known = new Set(offer.outputs);
    outputs.push(...scanned.filter(({ path }) => !known.has(path)).slice(0, 4_000));
    if (read === undefined) return { outputs };
    const logs = this.#logsOf(peer);
    let log = logs.read.get(offer.share);
    if (log === undefined) {
      log = new ReadLog();
      logs.read.set(offer.share, log);
    }
    return {
      outputs,
      read: log.report(read.read, offer.view.knownReports),
      system: await logs.system.report(read.outside, this.#sameness, offer.knownSystem),
    };
  }

  /** Sends the bytes of an output. @throws Error if it is not to be had, or not for this peer. */
  async sendOutput(peer: PeerName, channel: JobChannel, fetch: Fetch): Promise<void> {
    if (!this.#members.hasJoined(fetch.share)) throw new Error('this peer is no member of that share');
    const found = await this.#shares.find(fetch.share);
    if (!found.ok) throw new Error(found.why);
    const membership = await this.#members.check(found.share.root, peer);
    if (!membership.ok) throw new Error(membership.why);
    const [place] = await realPathsBelow(this.#disk, found.share, [fetch.path]);
    if (place?.ok !== true) throw new Error(`it is not in the share: ${place?.why ?? ''}`);
    await sendOutput(channel, this.#disk, place.realPath, await this.#disk.run('modeOf', place.realPath));
  }

  /** A job that was given up has ended: removes what it left under hidden names. */
  discard(offer: Offer): void {
    const hidden = offer.outputs.filter(isHidden);
    if (hidden.length === 0) return;
    removeHidden(this.#disk, hidden).catch(() => {
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
    if (this.#oldLogs.size > maxOldLogs) this.#oldLogs.delete(this.#oldLogs.keys().next().value ?? '');
  }

  /**
   * Programs are those of the share or of the system, and the one that is run is among them.
   *
   * @returns why that is not so, or the ones of the share that are links to those of the system.
   */
  async #linkedOut(share: Share, offer: Offer, argv: Uint8Array): Promise<string | ReadonlySet<string>> {
    const [first = ''] = parseStrings('ARGV', argv);
    if (!offer.programs.some(({ path }) => path === first))
      return `the program ${toText(first)} is not among those that the job names`;
    const named = offer.programs.map(({ path }) => path).filter((path) => path.includes('/'));
    const paths = named.map((path) => resolvePath(offer.cwd, path));
    const places = await realPathsBelow(this.#disk, { ...share, root: '/' }, paths);
    const linkedOut = new Set<string>();
    for (const [index, path] of paths.entries()) {
      const place = places[index];
      if (isSystemPath(path) && !isBelow(share.root, path)) continue;
      if (!isBelow(share.root, path)) return `the program ${toText(path)} is outside the share`;
      if (place?.ok !== true) return place?.why ?? '';
      if (isBelow(share.root, place.realPath)) continue;
      if (!isSystemPath(place.realPath))
        return `the program ${toText(path)} is ${toText(place.realPath)}, outside the share`;
      linkedOut.add(named[index] ?? '');
    }
    return linkedOut;
  }

  async #differing(
    offer: Offer,
    environment: Uint8Array,
    linkedOut: ReadonlySet<string>,
  ): Promise<Refusal | undefined> {
    const env = variablesOf(parseStrings('ENV', environment));
    for (const { path, digest } of offer.programs) {
      if (path.includes('/') && isBelow(offer.share, path) && !linkedOut.has(path)) continue;
      const own = await this.#sameness.program(path, offer.cwd, env);
      if (own.digest !== digest && digest !== '') {
        const tool = await this.#sameness.tool(path, offer.cwd, env);
        return { code: 'toolchain', detail: `${toText(path)} differs`, tool };
      }
    }
    if (offer.cpu === undefined) return undefined;
    const cpu = await this.#sameness.cpu();
    return cpu.digest === offer.cpu
      ? undefined
      : { code: 'native', detail: 'the CPU differs', cpu: cpu.description };
  }

  /** Refreshes and compares. @returns files that are not seen as the submitter sees them. */
  async #see(root: string, offer: Offer): Promise<readonly NamedFact[]> {
    let [state, action]: [OfferState, OfferAction] = takeOffer(root, offer.view);
    for (;;) {
      switch (action.type) {
        case 'refresh': {
          const facts = await refreshDirectories(this.#disk, action.directories);
          // What is no compile is told of every directory that this build has written to; some are deleted meanwhile.
          const passes = offer.dependencies === undefined ? 'absent' : 'directory';
          const unopened = action.directories.filter((path) => {
            const kind = facts.get(path)?.kind;
            return kind !== 'directory' && kind !== passes;
          });
          [state, action] = continueOffer(state, { type: 'refreshed', unopened }, this.#now());
          break;
        }
        case 'look': {
          const { paths } = action;
          const facts = await readFacts(this.#disk, paths, { fresh: true });
          const looked = paths.flatMap((path, index) => {
            const fact = facts[index];
            return fact === undefined ? [] : [{ path, fact }];
          });
          [state, action] = continueOffer(state, { type: 'looked', facts: looked }, this.#now());
          break;
        }
        case 'wait': {
          const { untilMs } = action;
          await new Promise((resolve) => setTimeout(resolve, Math.max(1, untilMs - this.#now())));
          [state, action] = continueOffer(state, { type: 'woken' }, this.#now());
          break;
        }
        case 'answer':
          return action.answer.kind === 'ready' ? [] : action.answer.files;
        default:
          action satisfies never;
      }
    }
  }

  async #scan(offer: Offer): Promise<Seen[]> {
    const sinceMs = this.#startedMs.get(offer);
    if (offer.scan.length === 0 || sinceMs === undefined) return [];
    return await this.#disk.run('changedBelow', {
      directories: offer.scan,
      sinceMs: sinceMs - 20,
      limit: maxScanned,
    });
  }

  #clock(root: string): Promise<number> {
    const known = this.#clocks.get(root);
    const atMs = this.#now();
    if (known !== undefined && atMs - known.atMs < clockMs) return known.aheadMs;
    const aheadMs = shareClockMs(this.#disk, root).then((shareMs) => shareMs - this.#now());
    this.#clocks.set(root, { aheadMs, atMs });
    aheadMs.catch(() => this.#clocks.delete(root));
    return aheadMs;
  }

  #logsOf(peer: PeerName): Logs {
    let logs = this.#logs.get(peer);
    if (logs === undefined) {
      logs = this.#oldLogs.get(peer) ?? { read: new Map(), system: new SystemLog() };
      this.#oldLogs.delete(peer);
      this.#logs.set(peer, logs);
    }
    return logs;
  }
}

function isHidden(path: string): boolean {
  return path.slice(path.lastIndexOf('/') + 1).startsWith('.buildswarm-');
}
