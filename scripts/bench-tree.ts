/** What it costs that jobs run in the submitter's files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ReadProfiles } from '../src/core/tree/read-profiles.ts';
import { builtPrograms } from '../test/rig/programs.ts';
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { TreeLab } from '../test/rig/tree-lab.ts';
import { gccMs, goalsGccMs, runHere, scaled } from './bench-goals.ts';
import { cpuMs, type Latencies, measured, median, type Row, type ServedUnits } from './bench-measure.ts';

const roundTripMs = 1;
const rounds = 9;
const compile = ['g++', '-O1', '-c', 'unit.cc', '-o', 'unit.o'];
/** Reads some 300 headers, and takes a second or more. */
const unit =
  '#include <iostream>\n#include <map>\n#include <regex>\nstd::map<std::string, std::regex> all;\n';
/** Reads 30 headers in 20 ms. */
const smallCompile = ['gcc', '-c', 'small.c', '-o', 'small.o'];
const smallUnit = '#include <stdio.h>\n#include <stdlib.h>\nint f(void) { return puts("") + rand(); }\n';
const smallUnits = 150;

/** Both ends of one tree, without a network but for {@link roundTripMs}, which each request of the worker takes. */
async function unitRows(name: string, useOwnFiles: boolean, firstGoalMs: number): Promise<Row[]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-tree-'));
  try {
    writeFileSync(path.join(directory, 'unit.cc'), unit);
    writeFileSync(path.join(directory, 'small.c'), smallUnit);
    runHere(directory, compile);
    const addedMs = { unknown: [] as number[], known: [] as number[] };
    for (let round = 0; round < 3; round++) {
      await using lab = await labOf(directory, useOwnFiles);
      for (const what of ['unknown', 'known'] as const) {
        if (what === 'known') await lab.replaceMount();
        const here = runHere(directory, compile);
        addedMs[what].push((await runThere(lab, directory, compile)).wallMs - here.wallMs);
      }
    }
    await using lab = await labOf(directory, useOwnFiles);
    await runThere(lab, directory, compile);
    const ratios: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const here = runHere(directory, compile);
      ratios.push((await runThere(lab, directory, compile)).cpuMs / here.cpuMs);
    }
    // The last one here has changed the directories of its output and of its temporary files.
    await runThere(lab, directory, compile);
    const before = lab.traffic.requests;
    for (let round = 0; round < rounds; round++) await runThere(lab, directory, compile);
    const requests = (lab.traffic.requests - before) / rounds;
    const { perS, share, ownMs } = await smallRate(lab, directory);
    return [
      {
        what: `${name}: first unit on a machine, 1 ms a round trip: added`,
        figure: median(addedMs.known),
        unit: 'ms',
        goal: firstGoalMs,
      },
      {
        what: `${name}: the same, and nobody ever ran it: added`,
        figure: median(addedMs.unknown),
        unit: 'ms',
        goal: firstGoalMs,
      },
      { what: `${name}: requests of a unit again`, figure: requests, unit: '', goal: 0 },
      { what: `${name}: CPU of a unit again / here`, figure: median(ratios), unit: '', goal: 1.03 },
      {
        what: `${name}: small units (20 ms) a second through one swarmfs`,
        figure: perS,
        unit: '/s',
        least: 30,
      },
      { what: `${name}: CPU of such a unit`, figure: ownMs, unit: 'ms' },
      { what: `${name}: CPU of swarmfs for them / their own`, figure: share, unit: '', goal: 0.1 },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function labOf(directory: string, useOwnFiles: boolean): Promise<TreeLab> {
  return await TreeLab.start({
    programs: builtPrograms(),
    shares: [directory],
    mount: { useOwnFiles },
    delayMs: roundTripMs,
    profiles: new ReadProfiles(),
  });
}

async function runThere(
  lab: TreeLab,
  directory: string,
  argv: readonly string[],
): Promise<{ readonly wallMs: number; readonly cpuMs: number }> {
  const { status, stderr, exit, wallMs } = await lab.run(argv, {
    areas: [directory, '/tmp', '/var/tmp'],
    ahead: {
      kind: argv[0] ?? '',
      inputs: argv.filter((word) => /\.cc?$/.test(word)).map((word) => path.join(directory, word)),
      outputs: argv.filter((word) => word.endsWith('.o')).map((word) => path.join(directory, word)),
    },
  });
  if (status !== 0) throw new Error(`${argv.join(' ')} failed in the tree: ${stderr}`);
  return { wallMs, cpuMs: exit.userMs + exit.systemMs };
}

/** Small units, four at a time. */
async function smallRate(
  lab: TreeLab,
  directory: string,
): Promise<{ readonly perS: number; readonly share: number; readonly ownMs: number }> {
  const swarmfs = /\/swarmfs( |$)/;
  await runThere(lab, directory, smallCompile);
  const [beforeMs, startedMs] = [cpuMs(swarmfs), performance.now()];
  let jobsMs = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next++ < smallUnits) jobsMs += (await runThere(lab, directory, smallCompile)).cpuMs;
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  return {
    perS: (1000 * smallUnits) / (performance.now() - startedMs),
    share: (cpuMs(swarmfs) - beforeMs) / jobsMs,
    ownMs: jobsMs / smallUnits,
  };
}

export async function treeCosts(): Promise<Row[]> {
  const ownMs = gccMs();
  const rows = [
    ...(await unitRows('equal systems', true, 400)),
    ...(await unitRows('nothing equal', false, 1200)),
  ];
  rows.push(...(await lanRows()));
  return [
    { what: `gcc of \`int x;\`: CPU; ${goalsGccMs} where the goals were set`, figure: ownMs, unit: 'ms' },
    ...rows.map((row) => scaled(row, ownMs / goalsGccMs)),
  ];
}

/** Jobs in the submitter's files; on the LAN no share is around /srv, which each machine has for itself. */
async function lanRows(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, slots: 4, ownRoots: ['/srv'] });
  const { plainMs, remoteMs } = await measured<Latencies>(swarm, 'm1', 'servedLatency');
  const { submitterMs, coldMs, sentKib } = await measured<ServedUnits>(swarm, 'm1', 'served');
  return [
    { what: 'swarmrun true, served: added', figure: remoteMs - plainMs, unit: 'ms', goal: 10 },
    { what: 'CPU of the submitter, a new unit', figure: submitterMs, unit: 'ms', goal: 4 },
    { what: 'the same, of a peer that has just started', figure: coldMs, unit: 'ms' },
    { what: 'sent by the submitter, a new unit', figure: sentKib, unit: 'KiB', goal: 20 },
  ];
}
