/** What attacks of part C (docs/SECURITY.md) cost their victim and its honest jobs: the same jobs with and without, in turns. */
import path from 'node:path';
import { checkout, type Running } from '../test/rig/child.ts';
import type { Host } from '../test/rig/lan.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { type Honest, measured, median, type Row } from './bench-measure.ts';

const rig = path.join(checkout, 'dist/test/rig');
const rounds = 4;
/** Longer than a round: each is ended with its round. */
const forS = '60';

interface Attack {
  readonly what: string;
  readonly from: Host;
  readonly argv: (victim: { readonly address: string; readonly socket: string }) => readonly string[];
}

const attack = path.join(rig, 'attack.js');
const attacks: readonly Attack[] = [
  { what: 'no attack', from: 'm3', argv: () => ['sh', '-c', `echo begun; exec sleep ${forS}`] },
  { what: 'half-negotiated streams', from: 'm3', argv: ({ address }) => [attack, 'streams', address, forS] },
  { what: 'beats, no answer read', from: 'm3', argv: ({ address }) => [attack, 'beats', address, forS] },
  {
    what: 'mDNS: 300 invented peers/s',
    from: 'm3',
    argv: () => [path.join(rig, 'mdns-poison.js'), '6000', '300', '/ip4/10.99.0.2/tcp/9'],
  },
  {
    what: '900 halves of requests, 100/s',
    from: 'm1',
    argv: ({ socket }) => [attack, 'halves', socket, forS],
  },
];

export async function attackCosts(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 3, slots: 4, peers: ['m1', 'm2'] });
  const address = (await swarm.status('m1')).self.addresses.find((one) => one.includes('/10.')) ?? '';
  const socket = (
    await swarm.check('m1', ['sh', '-c', 'echo "$XDG_RUNTIME_DIR"/buildswarm/peer.sock'])
  ).trim();
  // Code is compiled, and the heap finds its size.
  for (let warm = 0; warm < 3; warm += 1) await measured<Honest>(swarm, 'm1', 'honest');
  const rows: Row[] = [];
  for (const one of attacks) {
    const with_: Honest[] = [];
    const without: Honest[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const underAttack = async (): Promise<void> => {
        const running = swarm.start(one.from, withNode(one.argv({ address, socket })), {
          timeoutMs: 120_000,
        });
        await begun(running);
        with_.push(await measured<Honest>(swarm, 'm1', 'honest'));
        running.signalGroup('SIGKILL');
        await running.ended;
      };
      // What comes first may find what the other left.
      if (round % 2 === 0) await underAttack();
      without.push(await measured<Honest>(swarm, 'm1', 'honest'));
      if (round % 2 === 1) await underAttack();
    }
    rows.push(...told(one.what, with_, without));
  }
  return rows;
}

/** Programs are ours, unless they have no path. Nice: on one machine, the attacker's own work must not be the victim's cost. */
function withNode(argv: readonly string[]): readonly string[] {
  return ['nice', '-n', '19', ...(argv[0]?.startsWith('/') === true ? [process.execPath] : []), ...argv];
}

async function begun({ child }: Running): Promise<void> {
  await new Promise<void>((resolve) => {
    child.stdout?.once('data', () => resolve());
    child.once('close', () => resolve());
  });
}

function told(what: string, with_: readonly Honest[], without: readonly Honest[]): Row[] {
  const ratio = (of: (honest: Honest) => number): number =>
    median(with_.map((honest, round) => of(honest) / of(without[round] ?? honest)));
  const most = (all: readonly Honest[]): number => Math.max(...all.map(({ mostRssMb }) => mostRssMb));
  return [
    {
      what: `${what}: sleeping jobs a second, with / without`,
      figure: 1 / ratio((one) => one.sleepsMs),
      unit: '',
      least: 0.9,
    },
    {
      what: `${what}: compiles a second, with / without`,
      figure: 1 / ratio((one) => one.compilesMs),
      unit: '',
      least: 0.9,
    },
    { what: `${what}: CPU of the victim, with / without`, figure: ratio((one) => one.peerCpuMs), unit: '' },
    { what: `${what}: memory of the victim`, figure: most(with_) - most(without), unit: 'MB', goal: 20 },
  ];
}
