/** The daemon: starts the parts, answers what the CLI asks, and brings all to an end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { variablesOf } from '../core/command/environment.ts';
import { SwarmError } from '../core/swarm-error.ts';
import { type ViewRules, viewRules } from '../core/view/rules.ts';
import { PlaceWatch } from '../local/place-watch.ts';
import { type LocalServer, listenLocal } from '../local/server.ts';
import { fromText, toText } from '../wire/bytes.ts';
import { examine } from './explain/doctor/examine.ts';
import { askNamed, OtherDoctors } from './explain/doctor/other-doctors.ts';
import { knownStatus } from './explain/known-status.ts';
import { answerRequest, type PeerView, statusOf } from './explain/requests.ts';
import { Lifecycle } from './lifecycle.ts';
import { makeParts, type Parts } from './parts.ts';
import type { Settings } from './settings.ts';

/** Longest wait for jobs that run for others when the peer is asked to stop. */
const drainMs = 600_000;
/** Whatever hangs (a dead file server), the end comes. */
const endMs = 5_000;
/** Longest wait for the home directory while the files of known machines are read. */
const knownMs = 5_000;

/** Shorter than the CLI waits for this peer. */
const otherDoctorMs = 25_000;

/** `asked`: somebody wanted it, and all was put away. `lost`: the peer could not go on, or not end in due form. */
export type PeerEnd = 'asked' | 'lost';

export interface RunningPeer {
  /** Settles when the peer has ended. */
  readonly ended: Promise<PeerEnd>;
  /** Takes nothing new and ends when what it runs is done; `now`: at once. */
  stop(options: { now: boolean }): void;
}

/**
 * Builds and starts a peer; it is ready when this settles.
 *
 * @param options - `rules`: what its views take for proof; only tests give others. `faults`: how many faults its process
 *   has gone on after.
 * @throws SwarmError with a sentence.
 */
export async function createPeer(
  settings: Settings,
  log: Logger,
  options: { readonly rules?: ViewRules | undefined; readonly faults?: () => number } = {},
): Promise<RunningPeer> {
  const { rules = viewRules, faults = () => 0 } = options;
  const lifecycle = new Lifecycle();
  try {
    const peer = new Peer(await makeParts(settings, log, lifecycle, rules), log, faults);
    await peer.start();
    return peer;
  } catch (error) {
    await Promise.race([lifecycle.stopAll(), sleep(endMs)]);
    throw error;
  }
}

class Peer implements RunningPeer {
  readonly ended: Promise<PeerEnd>;
  readonly #resolveEnded: (end: PeerEnd) => void;
  readonly #parts: Parts;
  readonly #log: Logger;
  readonly #faults: () => number;
  readonly #doctors: OtherDoctors;
  #local: LocalServer | undefined;
  #state: 'starting' | 'running' | 'draining' | 'ending' = 'starting';
  #asked: { now: boolean } | undefined;

  constructor(parts: Parts, log: Logger, faults: () => number) {
    this.#parts = parts;
    this.#faults = faults;
    this.#log = log;
    let resolveEnded: (end: PeerEnd) => void = () => undefined;
    this.ended = new Promise((resolve) => {
      resolveEnded = resolve;
    });
    this.#resolveEnded = resolveEnded;
    parts.lifecycle.on('lost', (why) => this.#lost(why));
    const { neighbours, trusted, gossip, swarm } = parts;
    this.#doctors = new OtherDoctors({
      isProven: (peer) => trusted.isProven(peer),
      isAskable: (peer) => neighbours.helloOf(peer)?.examines === true,
      nameOf: (peer) => gossip.reportOf(peer)?.name ?? peer,
      sendQuestion: (to, payload) => swarm.send(to, 'EXAMINE', payload),
      sendAnswer: (to, payload) => swarm.send(to, 'EXAMINED', payload),
      examine: async (directory) =>
        (await examine(parts, statusOf(this.#view()), toText(directory))).findings,
      timeoutMs: otherDoctorMs,
    });
    parts.lifecycle.on('doctor', (peer, said) => this.#doctors.hear(peer, said));
    parts.lifecycle.on('gone', (peer) => this.#doctors.gone(peer));
  }

  async start(): Promise<void> {
    const { swarm, gossip, own, addressBook, knownMachines, watch, settings, version, report, lifecycle } =
      this.#parts;
    const hello = () => ({ version, report: report(), examines: true });
    watch.start();
    for (const step of [() => this.#listen(), () => swarm.start(hello)]) {
      await step();
      if (lifecycle.lostWhy !== undefined)
        throw new SwarmError('E_RUNNER', `The peer ended while it was starting: ${lifecycle.lostWhy}.`);
    }
    own.readdress();
    gossip.start();
    addressBook.start(settings.joinDirectories);
    void knownMachines.start();
    this.#state = 'running';
    this.#log.info({ id: swarm.id, addresses: swarm.addresses(), slots: settings.slots }, 'ready');
    void this.#makeReady();
    if (this.#asked !== undefined) this.stop(this.#asked);
  }

  /** Does what the first job would wait for. */
  async #makeReady(): Promise<void> {
    const { disk, sameness } = this.#parts;
    await disk.start();
    const own = Object.entries(process.env).map(([name, value]) => `${name}=${fromText(value ?? '')}`);
    await sameness.learnCompilers(variablesOf(own));
  }

  stop({ now }: { now: boolean }): void {
    // Asked for on the local socket, which is there a moment before the peer is ready.
    if (this.#state === 'starting') this.#asked = { now: now || this.#asked?.now === true };
    else if (now) void this.#end('asked');
    else if (this.#state === 'running') this.#drain();
  }

  #drain(): void {
    const { host, submitter, report, now } = this.#parts;
    this.#state = 'draining';
    host.apply({ type: 'leaving' });
    submitter.apply({ type: 'stopping' });
    report();
    const deadlineMs = now() + drainMs;
    const look = setInterval(() => {
      if (this.#waiting() > 0 && now() <= deadlineMs) return;
      void this.#end('asked');
    }, 50);
    this.#parts.lifecycle.onStop(() => clearInterval(look));
  }

  /** Jobs that a stop waits for: until those who wait for them, the callers here and peers, have taken what is said last. */
  #waiting(): number {
    const { host, submitter, swarm } = this.#parts;
    const jobs = host.size + submitter.remoteSize + (this.#local?.untaken ?? 0);
    return Math.max(jobs, swarm.trustedJobs);
  }

  /** Without its runner nothing can run here; a new one would be as lost as this one if it was killed for memory. */
  #lost(why: string): void {
    this.#log.error({ why }, 'ending, because the peer cannot go on');
    if (this.#state !== 'starting') void this.#end(this.#state === 'draining' ? 'asked' : 'lost');
  }

  async #end(end: PeerEnd): Promise<void> {
    if (this.#state === 'ending') return;
    this.#state = 'ending';
    const faults = await Promise.race([this.#parts.lifecycle.stopAll(), sleep(endMs)]);
    for (const fault of faults ?? []) this.#log.error({ fault: String(fault) }, 'a part did not end well');
    if (faults === undefined)
      this.#log.error({ afterMs: endMs }, 'ended, though not all of it came to its end');
    else this.#log.info('ended');
    this.#local?.destroy();
    this.#resolveEnded(faults === undefined ? 'lost' : end);
  }

  async #listen(): Promise<void> {
    const { settings, submitter, lifecycle } = this.#parts;
    const local = await listenLocal({
      path: settings.socketPath,
      uid: process.getuid?.() ?? 0,
      onJob: (request, connection) => {
        if (this.#state === 'draining' || this.#state === 'ending') connection.inline('stopping');
        else submitter.accept(request, connection);
      },
      onRequest: (request) => answerRequest(request, this.#view()),
      onGarbage: (why, untold) => this.#log.warn({ error: why, untold }, 'a local connection was ended'),
    });
    this.#local = local;
    lifecycle.onStop(() => local.close());
    await this.#watchPlaces();
  }

  /** Without them it would take jobs that it cannot start, and nobody here could stop it. */
  async #watchPlaces(): Promise<void> {
    const { settings, runner, tracer, lifecycle } = this.#parts;
    const places = new PlaceWatch((path) =>
      lifecycle.emit('lost', `${path} was removed, by which this peer and its commands are reached`),
    );
    lifecycle.onStop(() => places.stop());
    const paths = [settings.socketPath, runner.socketPath, tracer?.directory];
    await places.start(paths.filter((path) => path !== undefined));
  }

  #view(): PeerView {
    const {
      version,
      report,
      own,
      neighbours,
      swarm,
      gossip,
      ledger,
      submitter,
      trusted,
      members,
      introductions,
      knownMachines,
      pairing,
      host,
      warnings,
    } = this.#parts;
    return {
      version,
      report: report(),
      dispatcher: own.dispatcher,
      neighbours,
      swarm,
      gossip,
      ledger,
      isProven: (peer) => trusted.isProven(peer),
      isDirect: (peer) => introductions.isUsable(peer),
      refusals: (peer) => submitter.refusals.of(peer, trusted.refusals(peer)),
      doneFor: host.doneFor,
      hostedFor: () => host.countByPeer(),
      hostedLog: host.log,
      warnings: [...warnings, ...knownMachines.faults, ...members.faults, ...faultWarning(this.#faults())],
      pairing,
      examine: ({ directory, peer }, status) =>
        peer === undefined
          ? examine(this.#parts, status, directory)
          : askNamed(this.#doctors, status, peer, fromText(directory)),
      known: async () => {
        // A home directory that does not answer must not leave the caller without an answer.
        await Promise.race([knownMachines.reload(), sleep(knownMs)]);
        return knownStatus(knownMachines, swarm);
      },
      waiting: () => this.#waiting(),
      stop: (now) => this.stop({ now }),
    };
  }
}

function faultWarning(count: number): string[] {
  if (count === 0) return [];
  const times = count === 1 ? 'once' : `${count} times`;
  return [`this peer met a fault of its own ${times} and went on; please report what its log says`];
}
