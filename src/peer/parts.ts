/**
 * Makes the parts of a peer. Each is made from those before it, and registers what it does when a peer is gone and when
 * all stops. Nothing is on the network, and nothing runs but the runner, before `peer.ts` starts it.
 */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { LoadReport } from '../core/load-report.ts';
import { consideredPeers } from '../core/schedule/consider.ts';
import type { PeerName } from '../core/schedule/contract.ts';
import type { ViewRules } from '../core/view/rules.ts';
import { prepareSocketDirectory } from '../local/socket-path.ts';
import { measureSpeed } from '../machine/cpu.ts';
import { packageRoot } from '../machine/package-root.ts';
import { Sameness } from '../machine/sameness.ts';
import { MachineWatch } from '../machine/watch.ts';
import { Disk } from '../share/disk.ts';
import { lookProgramIn } from '../share/looker.ts';
import { Shares } from '../share/shares.ts';
import { systemLooks } from '../share/system-looks.ts';
import { Sightings } from '../swarm/finding/sightings.ts';
import { publicKeyOf } from '../swarm/libp2p/public-key.ts';
import { encodeFree, encodeWant } from '../wire/control-messages.ts';
import { openRunner } from '../work/open-runner.ts';
import { Tracer } from '../work/tracer.ts';
import { Alarm } from './alarm.ts';
import { jobLog } from './explain/job-log.ts';
import { Ledger } from './explain/ledger.ts';
import type { Lifecycle } from './lifecycle.ts';
import { ControlInbox } from './mesh/control-inbox.ts';
import { GossipLoop } from './mesh/gossip-loop.ts';
import { makeSwarm } from './mesh/make-swarm.ts';
import { leaseMs, Neighbours } from './mesh/neighbours.ts';
import { OwnState } from './own-state.ts';
import { Admission } from './serve/admission.ts';
import { ApartPlaces } from './serve/apart-places.ts';
import { Findings } from './serve/findings.ts';
import { JobHost } from './serve/job-host.ts';
import { sendOutput } from './serve/send-output.ts';
import { HostedTrees } from './serve/served/hosted-trees.ts';
import { openTrees } from './serve/served/open-trees.ts';
import { ServedJobs } from './serve/served/served-jobs.ts';
import type { Settings } from './settings.ts';
import type { Aftermath } from './submit/aftermath.ts';
import { isNestedIn } from './submit/inline-watch.ts';
import { closedPaths } from './submit/served/closed-paths.ts';
import { OwnTrees } from './submit/served/own-trees.ts';
import { Submitter } from './submit/submitter.ts';
import { Tracking } from './submit/tracking.ts';
import { createTreeAccess } from './submit/tree-access.ts';
import { AddressBook } from './trust/address-book.ts';
import { Introductions } from './trust/introductions.ts';
import { makeKnownMachines, makePairing } from './trust/known-parts.ts';
import { Membership } from './trust/membership.ts';
import { TrustedPeers } from './trust/trusted-peers.ts';
import { createTurns } from './turns.ts';

/** Peers of which `why` tells, for each decision, what was expected of them. */
const consideredAtMost = 6;

export type Parts = Readonly<Awaited<ReturnType<typeof makeParts>>>;

/** @throws SwarmError if the runner or the socket's directory is not to be had. */
export async function makeParts(settings: Settings, log: Logger, lifecycle: Lifecycle, rules: ViewRules) {
  const base = await makeBase(settings, log, lifecycle);
  const trust = makeTrust(base, rules);
  const mesh = makeMesh(base, trust);
  const serve = makeServe(base, trust, mesh);
  const submit = makeSubmit(base, trust, mesh, serve);
  const watch = makeWatch(base, mesh, serve, submit);
  return { ...base, ...trust, ...mesh, ...serve, ...submit, watch };
}

type Base = Awaited<ReturnType<typeof makeBase>>;
type Trust = ReturnType<typeof makeTrust>;
type Mesh = ReturnType<typeof makeMesh>;
type Serve = ReturnType<typeof makeServe>;
type Submit = ReturnType<typeof makeSubmit>;

/** This machine, and the network. */
async function makeBase(settings: Settings, log: Logger, lifecycle: Lifecycle) {
  const now = (): number => performance.now();
  const warnings = new Set<string>();
  const disk = new Disk({ lookProgram: lookProgramIn(packageRoot) });
  lifecycle.onStop(() => disk.close());
  const shares = new Shares(disk);
  const neighbours = new Neighbours();
  const sightings = new Sightings();
  const swarm = await makeSwarm({ settings, log, lifecycle, warnings, neighbours, sightings });
  // The runner's socket is in there too.
  prepareSocketDirectory(settings.socketPath, process.getuid?.() ?? 0);
  const runner = await openRunner(packageRoot, dirname(settings.socketPath), {
    onLost: (why) => lifecycle.emit('lost', why),
    onMissing: (warning) => warnings.add(warning),
  });
  lifecycle.onStop(() => runner.stop());
  const tracer = await Tracer.open(packageRoot, dirname(settings.socketPath));
  if (typeof tracer === 'string')
    warnings.add(`this machine compiles and links nothing for others: ${tracer}`);
  else lifecycle.onStop(() => tracer.close());
  lifecycle.onStop(() => swarm.stop());
  const version = packageVersion();
  const { slots, name } = settings;
  const trees = await openTrees(settings, swarm.id, warnings, disk);
  lifecycle.onStop(() => trees.remove());
  const own = new OwnState({
    slots,
    name,
    version,
    now,
    served: () => trees.obstacle() === undefined,
    addresses: () => swarm.addresses(),
    onAddressGone: () => swarm.askAll(),
    speed: measureSpeed(),
    seed: randomInt(2 ** 31),
  });
  const say = (message: string, facts: Record<string, unknown>): void => log.info(facts, message);
  const incarnation = Date.now();
  const common = { disk, shares, now, log: say };
  return {
    settings,
    lifecycle,
    warnings,
    sightings,
    sameness: new Sameness(systemLooks(disk)),
    swarm,
    runner,
    tracer: typeof tracer === 'string' ? undefined : tracer,
    cannotTrace: typeof tracer === 'string' ? tracer : undefined,
    version,
    trees,
    own,
    neighbours,
    incarnation,
    turns: createTurns(),
    ledgerOptions: jobLog(log),
    ...common,
    common,
  };
}

/** Membership, and how it is proven. */
function makeTrust(base: Base, rules: ViewRules) {
  const { common, lifecycle, swarm, neighbours, settings } = base;
  const members = new Membership({
    ...common,
    self: () => ({
      peerId: swarm.id,
      publicKey: Buffer.from(swarm.publicKey).toString('base64'),
      host: settings.name,
      addresses: swarm.addresses().slice(0, 16),
    }),
    keyOf: (peer) => {
      const key = publicKeyOf(peer);
      return key === undefined ? undefined : Buffer.from(key).toString('base64');
    },
    onJoined: (root) => lifecycle.emit('joined', root),
  });
  lifecycle.on('gone', (peer) => members.forget(peer));
  lifecycle.onStop(() => members.leave());
  const tracking = new Tracking({ ...common, rules, watchProgram: base.trees.serverProgram });
  lifecycle.onStop(() => tracking.close());
  lifecycle.on('compared', (root, pair) => tracking.share(root).view.compared(pair));
  lifecycle.on('gone', (peer) => tracking.forgetWorker(peer));
  const introductions = new Introductions({
    ...common,
    members,
    mounts: tracking.mounts,
    neighbours: () => neighbours.ids(),
    onProven: (peer) => swarm.trust(peer),
    onUsable: (peer) => lifecycle.emit('usable', peer),
    onCompared: (root, pair) => lifecycle.emit('compared', root, pair),
    send: (to, payload) => swarm.send(to, 'SHARES', payload),
  });
  lifecycle.on('joined', () => introductions.tell(neighbours.ids()));
  lifecycle.on('gone', (peer) => introductions.forget(peer));
  lifecycle.onStop(() => introductions.stop());
  const addressBook = new AddressBook(swarm.id, {
    ...common,
    members,
    connected: () => neighbours.ids(),
    connectTo: (peer, addresses) => swarm.connectTo(peer, addresses),
  });
  lifecycle.on('joined', () => addressBook.read());
  lifecycle.onStop(() => addressBook.stop());
  const known = { ...common, directory: settings.pairingDirectory, lifecycle, swarm, neighbours };
  const knownMachines = makeKnownMachines(known);
  const pairing = makePairing(known);
  const trusted = new TrustedPeers(members, knownMachines);
  return { members, tracking, introductions, addressBook, knownMachines, pairing, trusted };
}

/** What peers say of themselves and each other. */
function makeMesh(
  { common, lifecycle, swarm, neighbours, own, incarnation }: Base,
  { introductions, knownMachines, trusted }: Trust,
) {
  const { now } = common;
  const gossip = new GossipLoop({
    self: { ...own.figures(), id: swarm.id, incarnation, sequence: 1 },
    seed: randomInt(2 ** 31),
    now,
    neighbours: () => neighbours.ids(),
    send: (to, payload) => swarm.send(to, 'GOSSIP', payload),
    isTrusted: (peer) => trusted.isProven(peer),
    isUsable: (peer) => introductions.isUsable(peer) || knownMachines.isKnown(peer),
    // Of a peer that is connected it is the dispatcher's; of another one, it is an address.
    onNews: (report) => {
      if (neighbours.has(report.id)) lifecycle.emit('report', report);
      else swarm.connectTo(report.id, report.addresses);
    },
    onHearsay: ({ id, addresses }) => {
      if (!neighbours.has(id)) swarm.connectTo(id, addresses, 'hearsay');
    },
  });
  lifecycle.on('met', (peer) => gossip.take([peer.hello.report], peer.id));
  lifecycle.on('met', (peer) => introductions.tell([peer.id]));
  lifecycle.onStop(() => gossip.stop());
  /** This peer's load report as it is now; others hear of it soon if they should. */
  const report = (): LoadReport => gossip.own(own.figures());
  return { gossip, report };
}

/** The worker's side. */
function makeServe(
  base: Base,
  { members, introductions, knownMachines, pairing, trusted }: Trust,
  { gossip, report }: Mesh,
) {
  const { common, lifecycle, swarm, neighbours, own, sameness, tracer, cannotTrace, trees, sightings } = base;
  const { now } = common;
  const findings = new Findings({ ...common, sameness, traces: tracer?.directory });
  lifecycle.on('gone', (peer) => findings.peerGone(peer));
  const isTrusted = (peer: PeerName): Promise<boolean> => trusted.isTrusted(peer);
  const hosted = new HostedTrees({ ...common, ...trees, isTrusted });
  lifecycle.on('tree', (peer, channel) => hosted.open(peer, channel));
  lifecycle.onStop(() => hosted.close());
  const served = new ServedJobs({ trees: hosted, isTrusted, sameness, program: trees.jobProgram });
  const alarm = new Alarm(now, () => lifecycle.emit('worker-due'));
  const host = new JobHost({
    ...common,
    members: trusted,
    admission: new Admission({ ...common, members, sameness, cannotTrace, served }),
    served,
    apart: new ApartPlaces({ program: trees.jobProgram, socketPath: base.runner.socketPath }),
    findings,
    sendOutput: (peer, channel, fetch) => sendOutput({ ...common, members }, peer, channel, fetch),
    runner: base.runner,
    tracer,
    turns: base.turns,
    decide: (event) => own.work(event),
    report,
    tellFree: (peer) => swarm.send(peer, 'FREE', encodeFree({ report: report() })),
    changed: () => {
      report();
      lifecycle.emit('worked');
    },
    wake: (atMs) => alarm.at(atMs),
    lastWordMs: (peer) => swarm.lastWordMs(peer),
    watch: (peer, on) => neighbours.watch(peer, on, swarm),
  });
  lifecycle.on('worker-due', () => host.apply({ type: 'tick' }));
  lifecycle.on('job', (peer, channel) => host.open(peer, channel));
  lifecycle.on('gone', (peer) => host.apply({ type: 'peer-down', peer }));
  lifecycle.onStop(() => alarm.cancel());
  lifecycle.onStop(() => host.endAll());
  const inbox = new ControlInbox({
    isStranger: (peer) => !trusted.isProven(peer),
    now,
    onDropped: (peer) => sightings.drop(peer, now()),
    onReports: (peer, reports) => gossip.take(reports, peer),
    onFree: (free) => lifecycle.emit('free', free),
    onWant: (peer, jobs) => host.apply({ type: 'want', peer, jobs }),
    onKnown: (peer, known) => knownMachines.hear(peer, known),
    onPair: (peer, pair) => pairing.hear(peer, pair),
    onDoctor: (peer, said) => lifecycle.emit('doctor', peer, said),
    onShares: (peer, shares) => introductions.hear(peer, shares),
  });
  lifecycle.on('control', (peer, frame) => inbox.take(peer, frame));
  lifecycle.on('gone', (peer) => inbox.forget(peer));
  return { host };
}

/** The submitter's side. */
function makeSubmit(
  base: Base,
  { members, tracking, introductions, trusted }: Trust,
  { gossip }: Mesh,
  { host }: Serve,
) {
  const { common, lifecycle, swarm, neighbours, own, sameness } = base;
  const { now } = common;
  const trees = new OwnTrees({
    ...common,
    program: base.trees.serverProgram,
    closed: () => closedPaths(base.settings),
    openTree: (peer) => swarm.openTree(peer),
  });
  lifecycle.onStop(() => trees.close());
  const ledger = new Ledger(now, base.ledgerOptions);
  const alarm = new Alarm(now, () => lifecycle.emit('dispatcher-due'));
  lifecycle.onStop(() => alarm.cancel());
  const access = createTreeAccess({
    ...common,
    members,
    sameness,
    tracking,
    trees,
    hiddenNames: base.trees.hiddenNames,
    isTrusted: (peer) => trusted.isTrusted(peer),
    servedWorkers: () =>
      neighbours.ids().filter((peer) => trusted.isProven(peer) && gossip.reportOf(peer)?.served === true),
    peerId: swarm.id,
    backgroundMs: base.settings.backgroundMs,
    leaseMs,
    openJob: (peer) => swarm.openJob(peer),
    settled: (root) => introductions.settled(root),
  });
  const submitter: Submitter = new Submitter({
    ...common,
    ...access,
    turns: base.turns,
    decide: (event) => own.decide(event),
    openJob: (peer) => swarm.openJob(peer),
    consider: (job) => consideredPeers(own.dispatcher, job, consideredAtMost, now()),
    want: (peer, jobs) => swarm.send(peer, 'WANT', encodeWant(jobs)),
    wake: (atMs) => alarm.at(atMs),
    ledger,
    isNested: (pid) => isNestedIn(pid, new Set([...submitter.inlinePids, ...host.pids])),
    graceMs: (peer) => neighbours.graceMs(peer),
    // Jobs that began, wait for or gave back a slot of this machine: the worker's side shares these slots.
    inlineChanged: () => {
      const change = own.inlineChange();
      if (change !== undefined) host.apply({ type: 'inline', ...change });
    },
    watch: (peer, on) => neighbours.watch(peer, on, swarm),
  });
  hearOfWorkers(base, trusted, gossip, submitter, access.aftermath);
  return { submitter, ledger };
}

/** What the submitter's side does when something is heard of a worker, or of this machine's own work. */
function hearOfWorkers(
  { lifecycle, own }: Base,
  trusted: TrustedPeers,
  gossip: GossipLoop,
  submitter: Submitter,
  aftermath: Aftermath,
): void {
  lifecycle.on('dispatcher-due', () => submitter.apply({ type: 'tick' }));
  lifecycle.on('usable', (peer) => {
    const report = gossip.reportOf(peer);
    if (report !== undefined) submitter.apply({ type: 'peer-up', report });
  });
  lifecycle.on('known', (peer) => {
    // Of older versions, it could be given nothing.
    if (gossip.reportOf(peer)?.served === true) lifecycle.emit('usable', peer);
  });
  lifecycle.on('report', (report) => {
    // Something was in the way of running jobs in the files of others there, and it is not any more.
    const isNew = report.served === true && !own.dispatcher.peers.has(report.id);
    const type = isNew && trusted.isProven(report.id) ? 'peer-up' : 'report';
    submitter.apply({ type, report });
  });
  lifecycle.on('free', (report) => submitter.apply({ type: 'free', report }));
  lifecycle.on('worked', () => submitter.apply({ type: 'own', freeSlots: own.inlineSlots() }));
  lifecycle.on('silent', (peer) => submitter.apply({ type: 'peer-suspect', peer }));
  lifecycle.on('met', ({ id }) => aftermath.back(id));
  lifecycle.on('well', (peer) => {
    aftermath.back(peer);
    submitter.apply({ type: 'peer-well', peer });
  });
  lifecycle.on('gone', (peer, graceMs) => {
    submitter.refusals.forget(peer);
    submitter.apply({ type: 'peer-down', peer, graceMs });
  });
}

/** Other people's load, which takes slots away. */
function makeWatch(base: Base, { report }: Mesh, { host }: Serve, { submitter }: Submit): MachineWatch {
  const { common, lifecycle, own, runner } = base;
  const watch = new MachineWatch({
    ...common,
    isActive: () => base.settings.slots > 0 && (host.size > 0 || submitter.size > 0),
    ours: () => new Set([process.pid, runner.pid, ...submitter.inlinePids]),
    onFigures: (figures) => {
      own.machine(figures);
      host.apply({ type: 'machine', ...figures });
      report();
    },
  });
  lifecycle.onStop(() => watch.stop());
  return watch;
}

function packageVersion(): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
