/**
 * The daemon: builds every part, joins them, starts and stops them. What is decided is decided in core; what is done,
 * in the parts; here stands only who hears what from whom.
 */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import type { LoadReport } from '../core/load-report.ts';
import type { PeerName } from '../core/schedule/contract.ts';
import { type LocalServer, listenLocal } from '../local/server.ts';
import { prepareSocketDirectory } from '../local/socket-path.ts';
import { Sameness } from '../machine/sameness.ts';
import { MachineWatch } from '../machine/watch.ts';
import { Disk } from '../share/disk.ts';
import { lookProgramIn } from '../share/looker.ts';
import { Shares } from '../share/shares.ts';
import { publicKeyOf } from '../swarm/libp2p/public-key.ts';
import { createSwarm, type Swarm } from '../swarm/swarm.ts';
import { openRunner } from '../work/open-runner.ts';
import type { Runner } from '../work/runner.ts';
import { Alarm } from './alarm.ts';
import { Ledger } from './explain/ledger.ts';
import { answerRequest } from './explain/requests.ts';
import { Heard } from './mesh/control-inbox.ts';
import { GossipLoop } from './mesh/gossip-loop.ts';
import { Neighbours } from './mesh/neighbours.ts';
import { OwnState } from './own-state.ts';
import { WorkPlace } from './serve/work-place.ts';
import { WorkerHost } from './serve/worker-host.ts';
import type { Settings } from './settings.ts';
import { isBelow } from './submit/nesting.ts';
import { Submitter } from './submit/submitter.ts';
import { Tracking } from './submit/tracking.ts';
import { createTreeAccess } from './submit/tree-access.ts';
import { AddressBook } from './trust/address-book.ts';
import { ShareTalk } from './trust/introductions.ts';
import { Members } from './trust/membership.ts';
import { createTurns } from './turns.ts';

const packageRoot = fileURLToPath(new URL('../../..', import.meta.url));
/** Longest wait for jobs that run for others when the peer is asked to stop. */
const drainMs = 600_000;

export interface RunningPeer {
  /** Settles when the peer has ended. */
  readonly ended: Promise<void>;
  /** Takes nothing new and ends when what it runs is done; `now`: at once. */
  stop(options: { now: boolean }): void;
}

/** Builds and starts a peer; it is ready when this settles. @throws SwarmError with a sentence. */
export async function createPeer(settings: Settings, log: Logger): Promise<RunningPeer> {
  const peer = new Peer(settings, log);
  await peer.start();
  return peer;
}

class Peer implements RunningPeer {
  readonly ended: Promise<void>;
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #now = (): number => performance.now();
  readonly #version: string;
  readonly #incarnation = Date.now();
  readonly #turns = createTurns();
  readonly #ledger = new Ledger();
  readonly #neighbours = new Neighbours();
  readonly #warnings = new Set<string>();
  readonly #disk = new Disk({ lookProgram: lookProgramIn(packageRoot) });
  readonly #shares = new Shares(this.#disk);
  readonly #own: OwnState;
  readonly #tracking: Tracking;
  #stopping = false;
  #resolveEnded!: () => void;
  // Made in start(), in the order in which they need one another.
  #swarm!: Swarm;
  #runner!: Runner;
  #gossip!: GossipLoop;
  #members!: Members;
  #talk!: ShareTalk;
  #heard!: Heard;
  #place!: WorkPlace;
  #submitter!: Submitter;
  #host!: WorkerHost;
  #watch!: MachineWatch;
  #book!: AddressBook;
  #local: LocalServer | undefined;
  readonly #dispatcherAlarm: Alarm;
  readonly #workerAlarm: Alarm;

  constructor(settings: Settings, log: Logger) {
    this.#settings = settings;
    this.#log = log;
    this.#version = (
      JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
    ).version;
    this.#tracking = new Tracking(this.#disk, this.#now, settings.withoutChecks);
    this.#own = new OwnState({
      slots: settings.slots,
      name: settings.name,
      version: this.#version,
      now: this.#now,
      addresses: () => this.#swarm.addresses(),
    });
    this.#dispatcherAlarm = new Alarm(this.#now, () => this.#submitter.apply({ type: 'tick' }));
    this.#workerAlarm = new Alarm(this.#now, () => this.#host.apply({ type: 'tick' }));
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  async start(): Promise<void> {
    const { socketPath } = this.#settings;
    this.#swarm = await this.#makeSwarm();
    const say = (message: string, facts: Record<string, unknown>): void => this.#log.info(facts, message);
    this.#members = new Members({
      disk: this.#disk,
      now: this.#now,
      self: () => ({
        peerId: this.#swarm.id,
        publicKey: Buffer.from(this.#swarm.publicKey).toString('base64'),
        host: this.#settings.name,
        addresses: this.#swarm.addresses().slice(0, 16),
        bootMs: this.#incarnation,
      }),
      keyOf: (peer) => {
        const key = publicKeyOf(peer);
        return key === undefined ? undefined : Buffer.from(key).toString('base64');
      },
      onJoined: () => {
        this.#talk.tell(this.#neighbours.ids());
        this.#book.read();
      },
      log: say,
    });
    this.#gossip = new GossipLoop({
      self: { ...this.#own.figures(), id: this.#swarm.id, incarnation: this.#incarnation, sequence: 1 },
      seed: randomInt(2 ** 31),
      now: this.#now,
      neighbours: () => this.#neighbours.ids(),
      send: (to, payload) => this.#swarm.send(to, 'GOSSIP', payload),
      isTrusted: (peer) => this.#members.standing(peer) !== 'stranger',
      isUsable: (peer) => this.#talk.isUsable(peer),
      onNews: (report) => this.#heardOf(report),
      onHearsay: ({ id, addresses }) => {
        if (!this.#neighbours.has(id)) this.#swarm.connectTo(id, addresses, 'hearsay');
      },
    });
    const common = { disk: this.#disk, shares: this.#shares, members: this.#members, now: this.#now };
    const sameness = new Sameness();
    this.#place = new WorkPlace({ ...common, sameness });
    this.#talk = new ShareTalk({
      ...common,
      mounts: this.#tracking.mounts,
      neighbours: () => this.#neighbours.ids(),
      onProven: (peer) => this.#swarm.trust(peer),
      onUsable: (peer) => this.#use(peer),
      onCompared: (root, pair) => this.#tracking.share(root).view.compared(pair),
      send: (to, payload) => this.#swarm.send(to, 'SHARES', payload),
      log: say,
    });
    this.#heard = new Heard({
      members: this.#members,
      now: this.#now,
      onReports: (peer, reports) => this.#gossip.take(reports, peer),
      onFree: (report) => this.#submitter.apply({ type: 'free', report }),
      onWant: (peer, jobs) => this.#host.apply({ type: 'want', peer, jobs }),
      onShares: (peer, shares) => this.#talk.hear(peer, shares),
    });
    this.#submitter = new Submitter({
      ...createTreeAccess({
        ...common,
        sameness,
        tracking: this.#tracking,
        peerId: this.#swarm.id,
        openJob: (peer) => this.#swarm.openJob(peer),
        settled: (root) => this.#talk.settled(root),
      }),
      now: this.#now,
      turns: this.#turns,
      decide: (event) => this.#own.decide(event),
      openJob: (peer) => this.#swarm.openJob(peer),
      want: (peer, jobs) => {
        const payload = Buffer.alloc(4);
        payload.writeUInt32LE(jobs);
        this.#swarm.send(peer, 'WANT', payload);
      },
      wake: (atMs) => this.#dispatcherAlarm.at(atMs),
      ledger: this.#ledger,
      isNested: (pid) => isBelow(pid, new Set([...this.#submitter.inlinePids, ...this.#host.pids])),
      graceMs: (peer) => this.#neighbours.graceMs(peer),
      inlineChanged: () => this.#inlineChanged(),
      watch: (peer, on) => this.#neighbours.watch(peer, on, this.#swarm),
      log: say,
    });
    // The runner's socket is in there too.
    prepareSocketDirectory(socketPath, process.getuid?.() ?? 0);
    this.#runner = await openRunner(packageRoot, dirname(socketPath), {
      // Without it nothing can run here; a new one would be as lost as this one if it was killed for memory.
      onLost: (why) => {
        this.#log.error({ why }, 'ending, because the runner is gone');
        this.stop({ now: true });
      },
      onMissing: (warning) => this.#warnings.add(warning),
    });
    this.#host = new WorkerHost({
      runner: this.#runner,
      now: this.#now,
      turns: this.#turns,
      decide: (event) => this.#own.work(event),
      report: () => this.#report(),
      tellFree: (peer) =>
        this.#swarm.send(peer, 'FREE', Buffer.from(JSON.stringify({ report: this.#report() }), 'utf8')),
      changed: () => this.#workChanged(),
      wake: (atMs) => this.#workerAlarm.at(atMs),
      watch: (peer, on) => this.#neighbours.watch(peer, on, this.#swarm),
      place: this.#place,
      log: say,
    });
    this.#watch = new MachineWatch({
      now: this.#now,
      isActive: () => this.#host.size > 0 || this.#submitter.size > 0,
      ours: () => new Set([process.pid, this.#runner.pid, ...this.#submitter.inlinePids]),
      onFigures: (figures) => {
        this.#own.machine(figures);
        this.#host.apply({ type: 'machine', ...figures });
        this.#report();
      },
      log: say,
    });
    await this.#watch.start();
    this.#local = await listenLocal({
      path: socketPath,
      uid: process.getuid?.() ?? 0,
      onJob: (request, connection) => {
        if (this.#stopping) connection.inline('stopping');
        else this.#submitter.accept(request, connection);
      },
      onRequest: (request) => answerRequest(request, this.#view()),
      onGarbage: (error) => this.#log.warn({ error: error.message }, 'a local connection was ended'),
    });
    await this.#swarm.start();
    this.#own.readdress();
    this.#gossip.start();
    this.#book = new AddressBook(this.#swarm.id, {
      disk: this.#disk,
      shares: this.#shares,
      members: this.#members,
      connected: () => this.#neighbours.ids(),
      connectTo: (peer, addresses) => this.#swarm.connectTo(peer, addresses),
      log: say,
    });
    this.#book
      .joinSharesOf(this.#settings.joinDirectories)
      .catch((error: unknown) => say('no share could be joined at the start', { error: String(error) }));
    this.#log.info(
      { id: this.#swarm.id, addresses: this.#swarm.addresses(), slots: this.#settings.slots },
      'ready',
    );
  }

  stop({ now }: { now: boolean }): void {
    if (!this.#stopping) {
      this.#stopping = true;
      this.#host.apply({ type: 'leaving' });
      this.#submitter.apply({ type: 'stopping' });
      this.#report();
      const deadlineMs = this.#now() + drainMs;
      const look = setInterval(() => {
        if ((this.#host.size === 0 && this.#submitter.remoteSize === 0) || this.#now() > deadlineMs) {
          clearInterval(look);
          void this.#end();
        }
      }, 50);
    }
    if (now) void this.#end();
  }

  #ending = false;
  async #end(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    // Whatever hangs (a dead file server), the end comes.
    setTimeout(() => process.exit(0), 5_000).unref();
    this.#local?.close();
    this.#watch.stop();
    this.#book.stop();
    this.#talk.stop();
    this.#gossip.stop();
    this.#dispatcherAlarm.cancel();
    this.#workerAlarm.cancel();
    this.#host.endAll();
    await this.#members.leave();
    await this.#swarm.stop();
    await this.#runner.stop();
    this.#local?.destroy();
    await this.#disk.close();
    this.#log.info('ended');
    this.#resolveEnded();
  }

  async #makeSwarm(): Promise<Swarm> {
    const settings = this.#settings;
    return await createSwarm({
      ...(settings.listen.length === 0 ? {} : { listen: settings.listen }),
      bootstrap: settings.peers,
      mdns: settings.mdns,
      hello: () => {
        const report = this.#report();
        return {
          version: this.#version,
          report: { ...report, addresses: [...report.addresses], reasons: [...report.reasons] },
          shares: [],
        };
      },
      log: (level, message, fields) => {
        if (level === 'warn') this.#warnings.add(message);
        this.#log[level](fields, message);
      },
      nowMs: this.#now,
      events: {
        onPeer: (peer) => {
          this.#neighbours.met(peer);
          this.#gossip.take([peer.hello.report], peer.id);
          this.#talk.tell([peer.id]);
          this.#log.info({ peer: peer.id, name: peer.hello.report.name }, 'peer ready');
        },
        onGone: (id, why) => {
          const graceMs = this.#neighbours.graceMs(id);
          this.#neighbours.gone(id);
          this.#members.forget(id);
          this.#talk.forget(id);
          this.#heard.forget(id);
          this.#tracking.forgetWorker(id);
          this.#place.peerGone(id);
          this.#submitter.refusals.forget(id);
          this.#submitter.apply({ type: 'peer-down', peer: id, graceMs });
          this.#host.apply({ type: 'peer-down', peer: id });
          this.#log.info({ peer: id, why }, 'a peer is gone');
        },
        onControl: (id, frame) => this.#heard.take(id, frame),
        onJob: (id, channel) => this.#host.open(id, channel),
        onSilence: (id) => {
          this.#neighbours.suspect(id, true);
          this.#submitter.apply({ type: 'peer-suspect', peer: id });
        },
        onWell: (id) => {
          this.#neighbours.suspect(id, false);
          this.#submitter.apply({ type: 'peer-well', peer: id });
        },
      },
    });
  }

  /** Jobs may go to that peer from now on. */
  #use(peer: PeerName): void {
    const report = this.#gossip.reportOf(peer);
    if (report !== undefined) this.#submitter.apply({ type: 'peer-up', report });
  }

  /** A report that is news: of a peer that is connected, it is the dispatcher's; of another one, it is an address. */
  #heardOf(report: LoadReport): void {
    if (this.#neighbours.has(report.id)) this.#submitter.apply({ type: 'report', report });
    else this.#swarm.connectTo(report.id, report.addresses);
  }

  /** Jobs that began, wait for or gave back a slot of this machine: the worker's side shares these slots. */
  #inlineChanged(): void {
    const change = this.#own.inlineChange();
    if (change !== undefined) this.#host.apply({ type: 'inline', ...change });
  }

  #workChanged(): void {
    this.#report();
    this.#submitter.apply({ type: 'own', freeSlots: this.#own.inlineSlots() });
  }

  #report(): LoadReport {
    return this.#gossip.own(this.#own.figures());
  }

  #view(): Parameters<typeof answerRequest>[1] {
    return {
      version: this.#version,
      report: this.#report(),
      dispatcher: this.#own.dispatcher,
      neighbours: this.#neighbours,
      swarm: this.#swarm,
      gossip: this.#gossip,
      ledger: this.#ledger,
      refusals: (peer) => this.#submitter.refusals.of(peer, this.#members.refusals(peer)),
      doneFor: this.#host.doneFor,
      warnings: [...this.#warnings],
      waiting: () => this.#host.size + this.#submitter.remoteSize,
      stop: (now) => this.stop({ now }),
    };
  }
}
