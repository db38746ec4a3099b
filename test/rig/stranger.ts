/**
 * Somebody on the LAN who speaks our protocols and means no good: a program that a test runs on a machine of its own.
 *
 * Its argument is a {@link StrangerTask}, its output a {@link StrangerReport}, both JSON.
 */
import { chmodSync, chownSync, linkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { multiaddr } from '@multiformats/multiaddr';
import { absent } from '../../src/core/fact.ts';
import { createNode } from '../../src/swarm/libp2p/node.ts';
import { controlProtocol, jobProtocol } from '../../src/swarm/link.ts';
import {
  encodeGossip,
  encodeHello,
  encodeKnown,
  encodeShares,
  encodeWant,
  parseKnown,
  parseShares,
} from '../../src/wire/control-messages.ts';
import { encodeFrame, madePayload } from '../../src/wire/frame.ts';
import { parseRefused } from '../../src/wire/job-messages.ts';
import { plainOffer } from './plain-offer.ts';
import { helloOf, SwarmNode } from './swarm-node.ts';
import { until } from './until.ts';

/** How its member file is written; `proper` makes it a member: the same user, who may be hostile all the same. */
export type FileKind =
  | 'none'
  | 'proper'
  | 'link'
  | 'hard-link'
  | 'group-readable'
  | 'other-owner'
  | 'other-key'
  | 'swapped';

export type OfferFields = Readonly<Record<string, unknown>> & { readonly argv?: readonly string[] };

export interface StrangerTask {
  /** Multiaddr of the peer that it troubles. */
  readonly victim: string;
  readonly share: string;
  readonly file: FileKind;
  /** Fields of the offers that it makes, over those of a plain job in the share; `argv` besides. */
  readonly offers: readonly OfferFields[];
  /** Stays so long, as a peer that has much room, and counts the jobs that it is offered. */
  readonly stayMs?: number;
  /** Meets these peers too, and says to the victim whatever statements on lasting keys it has heard of all. */
  readonly repeatsKnownOf?: readonly string[];
  /** Connects so often, says hello and all kinds of things, and goes; for {@link StrangerTask.stayMs}. */
  readonly connectionsPerS?: number;
}

export interface StrangerReport {
  /** For each offer: `RESULT`, the code and detail of its refusal, or `lost`. */
  readonly answers: readonly string[];
  /** Streams for jobs that others opened to it, and the bytes that came on them. */
  readonly offered: number;
  readonly connections: number;
  /** Statements on lasting keys that it has said again. */
  readonly repeated: number;
}

function writeFile(kind: FileKind, node: SwarmNode, share: string): void {
  const peers = path.join(share, '.buildswarm/peers');
  const file = path.join(peers, node.id);
  const key = kind === 'other-key' ? Buffer.alloc(32) : Buffer.from(node.swarm.publicKey);
  const member = {
    peerId: node.id,
    publicKey: key.toString('base64'),
    host: 'evil',
    addresses: [],
  };
  const write = (at: string) => writeFileSync(at, JSON.stringify(member), { mode: 0o600 });
  switch (kind) {
    case 'none':
      return;
    case 'link':
      write(path.join(share, `aside-${node.id}`));
      symlinkSync(path.join(share, `aside-${node.id}`), file);
      return;
    case 'hard-link':
      write(path.join(share, `aside-${node.id}`));
      linkSync(path.join(share, `aside-${node.id}`), file);
      return;
    case 'swapped': {
      // Between one that is not ours to give and a link to one that is proper: never both at once.
      write(path.join(share, `aside-${node.id}`));
      const swap = () => {
        rmSync(file, { force: true });
        symlinkSync(path.join(share, `aside-${node.id}`), file);
        rmSync(file);
        writeFileSync(file, JSON.stringify(member), { mode: 0o640 });
        setImmediate(swap);
      };
      swap();
      return;
    }
    default:
      write(file);
      if (kind === 'group-readable') chmodSync(file, 0o640);
      if (kind === 'other-owner') chownSync(file, 12_345, 12_345);
  }
}

function tellShares(node: SwarmNode, victim: string, roots: readonly string[]): void {
  const shares = roots.map((root) => ({
    root,
    cacheMaxMs: 0,
    timesOnly: false,
    member: absent,
    seen: true,
  }));
  node.swarm.send(victim, 'SHARES', encodeShares({ shares }));
}

/** Makes one offer. @returns what came of it. */
async function offer(
  node: SwarmNode,
  victim: string,
  share: string,
  job: number,
  fields: OfferFields,
): Promise<string> {
  const { argv, ...rest } = { argv: ['sh', '-c', `touch ${share}/marker-${job}`], ...fields };
  const channel = node.swarm.openJob(victim);
  const answer = new Promise<string>((resolve) => {
    channel.onFrame = (frame) => {
      if (frame.type === 'RESULT') resolve('RESULT');
      if (frame.type !== 'REFUSED') return;
      const { code, detail, report } = parseRefused(frame.payload);
      resolve(`${code}: ${detail}${report === undefined ? '' : ' (with a report)'}`);
    };
    channel.onEnd = (why) => resolve(why);
  });
  channel.send('ARGV', Buffer.from(`${argv.join('\0')}\0`, 'latin1'));
  channel.send('ENV', Buffer.from(`PATH=${process.env['PATH']}\0`));
  const programs = [{ path: argv[0], digest: '' }];
  const whole = { ...plainOffer(share), job, programs, ...rest };
  // Its fields are anything: no encoder takes them.
  channel.send('OFFER', madePayload(Buffer.from(JSON.stringify(whole))));
  const said = await Promise.race([answer, sleep(5_000, 'silence')]);
  channel.abort();
  return said;
}

/** As one peer: with or without a member file, in the hello a machine that everybody would want. */
async function trouble(task: StrangerTask): Promise<StrangerReport> {
  const { victim, share, file } = task;
  let offered = 0;
  const node: SwarmNode = await SwarmNode.start({
    bootstrap: [victim, ...(task.repeatsKnownOf ?? [])],
    hello: () => {
      const { report, ...hello } = helloOf(node.id, 'evil');
      return { ...hello, report: { ...report, slots: 4_096, speed: 100, memoryFreeBytes: 2 ** 40 } };
    },
    onJob: () => {
      offered += 1;
    },
  });
  writeFile(file, node, share);
  const isVictim = ({ addresses }: { readonly addresses: readonly string[] }) => addresses.includes(victim);
  await until(() => node.swarm.peers().some(isVictim), 10_000, 'the victim is met');
  const peer = node.swarm.peers().find(isVictim);
  const id = peer?.id ?? '';
  tellShares(node, id, [share]);
  if (file === 'proper') {
    const accepted = () =>
      node.told.some(
        (told) =>
          told.what === 'control' &&
          told.frame.type === 'SHARES' &&
          parseShares(told.frame.payload).shares.some(({ root, seen }) => root === share && seen),
      );
    await until(accepted, 10_000, 'the victim has found the member file');
  } else await sleep(1_300); // it looks more than once
  const repeated =
    task.repeatsKnownOf === undefined ? 0 : await repeatKnown(node, id, task.repeatsKnownOf.length);
  const answers: string[] = [];
  for (const [index, fields] of task.offers.entries())
    answers.push(await offer(node, id, share, index + 1, fields));
  node.swarm.send(id, 'WANT', encodeWant(100_000));
  await sleep(task.stayMs ?? 0);
  return { answers, offered, connections: 1, repeated };
}

/** Says what the victim and so many others have said of their lasting keys. @returns how many statements. */
async function repeatKnown(node: SwarmNode, victim: string, others: number): Promise<number> {
  const heard = () =>
    node.told.flatMap((told) =>
      told.what === 'control' && told.frame.type === 'KNOWN'
        ? [{ from: told.id, known: parseKnown(told.frame.payload) }]
        : [],
    );
  await until(() => new Set(heard().map(({ from }) => from)).size > others, 10_000, 'all have said theirs');
  for (const { known } of heard())
    for (const seen of [false, true]) node.swarm.send(victim, 'KNOWN', encodeKnown({ ...known, seen }));
  return heard().length;
}

/** As many: each says hello, names shares, gossips lies about others, fills job streams, and goes. */
async function flood(task: StrangerTask): Promise<StrangerReport> {
  const perS = task.connectionsPerS ?? 100;
  const endMs = performance.now() + (task.stayMs ?? 5_000);
  let connections = 0;
  const nodes = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const privateKey = await generateKeyPair('Ed25519');
      const node = await createNode({ privateKey, listen: [], services: {} });
      await node.start();
      return node;
    }),
  );
  const shares = Array.from({ length: 64 }, (_, index) => ({
    root: `/nowhere/${index}/${'x'.repeat(200)}`,
    cacheMaxMs: 0,
    timesOnly: false,
    seen: true,
    member: absent,
  }));
  const one = async (node: (typeof nodes)[number]): Promise<void> => {
    const connection = await node.dial(multiaddr(task.victim), { force: true });
    connections += 1;
    const control = await connection.newStream(controlProtocol);
    control.addEventListener('message', () => {});
    const { report } = helloOf(node.peerId.toString(), 'flood');
    control.send(encodeFrame('HELLO', encodeHello(helloOf(node.peerId.toString(), 'flood'))));
    const reports = Array.from({ length: 200 }, (_, index) => ({ ...report, id: `${index}`, name: 'lie' }));
    for (let turn = 0; turn < 5; turn += 1) {
      control.send(encodeFrame('SHARES', encodeShares({ shares })));
      control.send(encodeFrame('GOSSIP', encodeGossip({ reports })));
      const job = await connection.newStream(jobProtocol);
      job.addEventListener('message', () => {});
      if (job.writeStatus === 'writable') job.send(encodeFrame('ARGV', Buffer.alloc(60_000)));
      await sleep(300);
    }
    await connection.close();
  };
  for (let at = 0; performance.now() < endMs; at += 1) {
    const node = nodes[at % nodes.length];
    // Refused or cut off: as it should be.
    if (node !== undefined) one(node).catch(() => {});
    await sleep(1000 / perS);
  }
  return { answers: [], offered: 0, connections, repeated: 0 };
}

const task = JSON.parse(process.argv[2] ?? '{}') as StrangerTask;
const report = await (task.connectionsPerS === undefined ? trouble(task) : flood(task));
process.stdout.write(JSON.stringify(report), () => process.exit(0));
