import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { absent } from '../../src/core/fact.ts';
import { packSeen } from '../../src/wire/values.ts';
import { checkout } from '../rig/child.ts';
import type { Host } from '../rig/lan.ts';
import type { FileKind, OfferFields, StrangerReport, StrangerTask } from '../rig/stranger.ts';
import { SwarmRig } from '../rig/swarm-rig.ts';
import { until } from '../rig/until.ts';

const program = path.join(checkout, 'dist/test/rig/stranger.js');
const victim = '/ip4/10.99.0.1/tcp/7701';
const isRoot = process.getuid?.() === 0;

/** m1 is a peer with a known port; m2 one more if wanted; what runs on m3 is a stranger. */
async function startVictim(
  t: Parameters<typeof SwarmRig.start>[0],
  honest: readonly Host[] = ['m1'],
): Promise<SwarmRig> {
  const swarm = await SwarmRig.start(t, { machines: 3, peers: [] });
  try {
    for (const host of honest) await swarm.startPeer(host, '--listen', '/ip4/0.0.0.0/tcp/7701');
    for (const host of honest) await swarm.untilSees(host, honest.length - 1);
    // The share is in use.
    await swarm.check('m1', ['swarmrun', 'true']);
  } catch (error) {
    await swarm[Symbol.asyncDispose]();
    throw error;
  }
  return swarm;
}

async function stranger(
  swarm: SwarmRig,
  task: Partial<StrangerTask>,
  host: Host = 'm3',
): Promise<StrangerReport> {
  const whole: StrangerTask = { victim, share: swarm.share, file: 'none', offers: [], ...task };
  const said = await swarm.check(host, [process.execPath, program, JSON.stringify(whole)]);
  return JSON.parse(said) as StrangerReport;
}

function markers(swarm: SwarmRig): string[] {
  return readdirSync(swarm.share).filter((name) => name.startsWith('marker'));
}

test('whoever shows no proper member file runs nothing here and is told nothing', async (t) => {
  await using swarm = await startVictim(t);
  const kinds: FileKind[] = ['none', 'link', 'hard-link', 'group-readable', 'other-key', 'swapped'];
  if (isRoot) kinds.push('other-owner');
  await Promise.all(
    kinds.map(async (file) => {
      const { answers } = await stranger(swarm, { file, offers: [{}, { share: '/', cwd: '/' }] });
      for (const answer of answers)
        assert.equal(
          answer,
          'not-member: no member file of yours is on any share here, and your machine was not made known to this one',
          file,
        );
      assert.deepEqual(markers(swarm), [], file);
    }),
  );
  // The same, with the file as it must be: so it was for the file.
  const { answers } = await stranger(swarm, { file: 'proper', offers: [{}] });
  assert.deepEqual(answers, ['RESULT']);
  assert.deepEqual(markers(swarm), ['marker-1']);
});

test('a peer that is no member gets no job, however much room it promises', async (t) => {
  await using swarm = await startVictim(t, ['m1', 'm2']);
  const staying = stranger(swarm, { stayMs: 4_000 });
  await until(
    async () => (await swarm.status('m1')).peers.some(({ name }) => name === 'evil'),
    5_000,
    'it is met',
  );
  for (let at = 0; at < 5; at += 1) assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm2\n');
  const evil = (await swarm.status('m1')).peers.find(({ name }) => name === 'evil');
  assert.equal(evil?.state, 'refusing');
  assert.match(evil?.reasons.join() ?? '', /member/);
  assert.equal((await staying).offered, 0);
});

test('a member that is hostile runs its jobs below the share only', async (t) => {
  await using swarm = await startVictim(t);
  const { share } = swarm;
  const outside = path.join(share, '../outside');
  mkdirSync(outside);
  // Wherever this checkout lies (below /opt, which is the system's), this is nobody's.
  const elsewhere = mkdtempSync('/var/tmp/buildswarm-outside-');
  t.after(() => rmSync(elsewhere, { recursive: true }));
  const tool = path.join(elsewhere, 'tool');
  writeFileSync(tool, `#!/bin/sh\ntouch ${share}/marker-tool\n`, { mode: 0o755 });
  symlinkSync(outside, path.join(share, 'way-out'));
  symlinkSync(tool, path.join(share, 'tool'));
  symlinkSync(path.join(outside, 'nothing'), path.join(share, 'dangling'));
  mkdirSync(path.join(share, 'own'));
  const cases: Record<string, OfferFields> = {
    'cwd outside': { cwd: outside },
    'cwd by ..': { cwd: `${share}/../outside` },
    'cwd through a link': { cwd: `${share}/way-out` },
    'cwd of the system': { cwd: '/tmp' },
    'output outside': { outputs: [`${outside}/x.o`] },
    'output by ..': { outputs: [`${share}/own/../../outside/x.o`] },
    'output through a link': { outputs: [`${share}/way-out/x.o`] },
    'output that is a link to nothing': { outputs: [`${share}/dangling`] },
    'scan through a link': { scan: [`${share}/way-out`] },
    'scan by ..': { scan: [`${share}/../outside`] },
    'reopened outside': { reopen: [tool] },
    'reopened by ..': { reopen: [`${share}/../outside/x`] },
    'refresh by ..': { view: { refresh: [`${share}/..`], files: [], fields: [], knownReports: 0 } },
    'reopened below by ..': { reopenBelow: { upTo: 1, directories: [`${share}/../outside`] } },
    'reopened below through a link': { reopenBelow: { upTo: 1, directories: [`${share}/way-out`] } },
    'reopened through a link': { reopen: [`${share}/way-out/x`] },
    'reopened, a link itself': { reopen: [`${share}/tool`] },
    'refreshed through a link': {
      view: { refresh: [`${share}/way-out`], files: [], fields: [], knownReports: 0 },
    },
    'compared through a link': {
      view: {
        refresh: [],
        files: packSeen([{ path: `${share}/way-out/x`, fact: absent }]),
        fields: [],
        knownReports: 0,
      },
    },
    'program outside': { argv: [tool] },
    'program through a link': { argv: [`${share}/tool`] },
    'program that is not the one named': { programs: [{ path: 'true', digest: '' }] },
    'share of nobody': { share: outside, cwd: outside },
    'share by ..': { share: `${share}/own/..` },
  };
  const { answers } = await stranger(swarm, { file: 'proper', offers: Object.values(cases) });
  for (const [index, what] of Object.keys(cases).entries())
    assert.match(answers[index] ?? '', /^(outside-)?share: /, what);
  assert.deepEqual(markers(swarm), []);
  assert.deepEqual(readdirSync(outside), []);
  assert.deepEqual(readdirSync(elsewhere), ['tool']);
});

test('a member of one share is a stranger on another', async (t) => {
  await using swarm = await startVictim(t);
  const other = path.join(swarm.share, '../other');
  mkdirSync(other, { mode: 0o700 });
  await swarm.check('m1', [path.join(checkout, 'bin/buildswarm'), 'share', other]);
  await swarm.check('m1', ['swarmrun', 'true'], { cwd: other });
  await until(() => readdirSync(path.join(other, '.buildswarm/peers')).length > 0, 2_000, 'it is joined');
  const { answers } = await stranger(swarm, { file: 'proper', offers: [{ share: other, cwd: other }] });
  assert.match(answers[0] ?? '', /^not-member: /);
  assert.deepEqual(markers(swarm), []);
});

test('directories that others may enter, or own, make a share of nobody', async (t) => {
  await using swarm = await startVictim(t, ['m1', 'm2']);
  const own = path.join(swarm.share, '.buildswarm');
  const peers = path.join(own, 'peers');
  const spoil: [string, () => void, () => void][] = [
    ['.buildswarm is 0755', () => chmodSync(own, 0o755), () => chmodSync(own, 0o700)],
    ['peers/ is 0755', () => chmodSync(peers, 0o755), () => chmodSync(peers, 0o700)],
  ];
  if (isRoot) {
    spoil.push([
      'peers/ is of another',
      () => chownSync(peers, 12_345, 12_345),
      () => chownSync(peers, 0, 0),
    ]);
    spoil.push([
      '.buildswarm is of another',
      () => chownSync(own, 12_345, 12_345),
      () => chownSync(own, 0, 0),
    ]);
  }
  for (const [what, make, mend] of spoil) {
    make();
    // Started anew, the peers remember nothing of before.
    for (const host of ['m1', 'm2'] as const) {
      await swarm.stopPeer(host);
      await swarm.startPeer(host, '--listen', '/ip4/0.0.0.0/tcp/7701');
    }
    await swarm.untilSees('m1', 1);
    assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n', what);
    const { answers } = await stranger(swarm, { offers: [{}] });
    assert.match(answers[0] ?? '', /^not-member: /, what);
    mend();
  }
  assert.deepEqual(markers(swarm), []);
});

test('who removes a member file revokes within 30 seconds, both ways', async (t) => {
  await using swarm = await startVictim(t, ['m1', 'm2']);
  assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm2\n');
  const { id } = (await swarm.status('m2')).self;
  rmSync(path.join(swarm.share, '.buildswarm/peers', id));
  const start = performance.now();
  let lastMs = 0;
  /** A job is given at most a moment after its wrapper starts: that, not its end, is what must come in time. */
  const isAtHome = async (host: Host): Promise<boolean> => {
    const startedMs = performance.now() - start;
    const isHome = (await swarm.check(host, ['swarmrun', 'hostname'])) === `${host}\n`;
    if (!isHome) lastMs = Math.max(lastMs, startedMs);
    return isHome;
  };
  await until(() => isAtHome('m1'), 32_000, 'm1 gives m2 no job any more');
  await until(() => isAtHome('m2'), 32_000, 'm1 takes no job of m2 any more');
  t.diagnostic(`the last job elsewhere began after ${(lastMs / 1000).toFixed(1)} s`);
  assert.ok(lastMs < 31_000, `a job was given ${lastMs} ms later`);
  assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n');
  assert.ok(!existsSync(path.join(swarm.share, '.buildswarm/peers', id)), 'it does not come back by itself');
});

test('a relay between two honest peers gets no job and no byte of a command', async (t) => {
  await using swarm = await SwarmRig.start(t, { machines: 3, peers: [] });
  // m1 and m2 see each other through m3 alone, which passes on all that they say.
  for (const [host, other] of [
    ['m1', 2],
    ['m2', 1],
  ] as const) {
    await swarm.check(host, ['ip', 'route', 'add', 'blackhole', `10.99.0.${other}/32`]);
    await swarm.check(host, ['ip', '-6', 'route', 'add', 'blackhole', `fd00::${other}/128`]);
  }
  const relay = swarm.start('m3', [process.execPath, path.join(checkout, 'dist/test/rig/relay.js')]);
  for (const host of ['m1', 'm2'] as const)
    await swarm.startPeer(host, '--no-mdns', '--peer', '/ip4/10.99.0.3/tcp/7703');
  for (const host of ['m1', 'm2'] as const) {
    const seen = async () => (await swarm.status(host)).peers.map(({ name }) => name).includes('relay');
    await until(seen, 10_000, `${host} has met the relay`);
  }
  for (let at = 0; at < 5; at += 1) {
    assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm1\n');
    assert.equal(await swarm.check('m2', ['swarmrun', 'hostname']), 'm2\n');
  }
  relay.signalGroup('SIGTERM');
  const report = JSON.parse((await relay.ended).stdout.toString()) as { passedOn: string[]; jobs: number };
  assert.ok(report.passedOn.includes('SHARES'), 'both have said on which share they are');
  assert.equal(report.jobs, 0);
});

test('a hundred connections a second of strangers: bounded memory, and honest jobs run', async (t) => {
  await using swarm = await startVictim(t, ['m1', 'm2']);
  const daemon = (
    await swarm.check('m1', [
      'sh',
      '-c',
      "ps -e -o pid=,args= | awk '/[b]in\\/buildswarm daemon/ {print $1}'",
    ])
  ).trim();
  const look = async (): Promise<{ residentBytes: number; cpuMs: number }> => {
    const text = await swarm.check('m1', ['cat', `/proc/${daemon}/stat`, `/proc/${daemon}/status`]);
    const [user = 0, system = 0] = text.slice(text.indexOf(')')).split(' ').slice(12, 14).map(Number);
    const residentKiB = Number(/VmRSS:\s*(\d+)/.exec(text)?.[1]);
    return { residentBytes: residentKiB * 1024, cpuMs: (user + system) * 10 };
  };
  const seconds = 6;
  /** @returns `leastBytes`: what it holds in the second half of that time, when the heap is freshest swept. */
  const runHonestJobs = async (): Promise<{ cpu: number; leastBytes: number; jobs: number }> => {
    const before = await look();
    const start = performance.now();
    let leastBytes = Number.POSITIVE_INFINITY;
    let jobs = 0;
    while (performance.now() - start < seconds * 1000) {
      assert.equal(await swarm.check('m1', ['swarmrun', 'hostname']), 'm2\n');
      jobs += 1;
      const { residentBytes } = await look();
      if (performance.now() - start > seconds * 500) leastBytes = Math.min(leastBytes, residentBytes);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    const cpu = ((await look()).cpuMs - before.cpuMs) / (performance.now() - start);
    return { cpu, leastBytes, jobs };
  };
  const calm = await runHonestJobs();
  // When the garbage collector runs is its own affair, so it gets some more of the same; what piles up grows with it.
  for (let round = 1; ; round += 1) {
    const flood = stranger(swarm, { connectionsPerS: 100, stayMs: seconds * 1000 });
    const flooded = await runHonestJobs();
    const { connections } = await flood;
    const grownMiB = (flooded.leastBytes - calm.leastBytes) / 2 ** 20;
    t.diagnostic(
      `${connections} connections stood; ${((flooded.cpu - calm.cpu) * 100).toFixed(1)} % CPU besides ${flooded.jobs} jobs; memory +${grownMiB.toFixed(1)} MiB`,
    );
    if (grownMiB <= 20) break;
    assert.ok(round < 4, `memory grew by ${grownMiB.toFixed(1)} MiB`);
  }
  // The CPU is told, not asserted: it depends on what else this machine does.
});
