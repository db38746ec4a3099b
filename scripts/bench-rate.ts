/** How many jobs one submitter gets through in a second, and whether any is lost: the case, and the part of it that runs there. */
import { SwarmRig } from '../test/rig/swarm-rig.ts';
import { gccMs, goalsGccMs, scaled } from './bench-goals.ts';
import { handInFor, type LoadCommand, type RateCounts } from './bench-load.ts';
import type { Row } from './bench-measure.ts';

const forMs = 20_000;
const inFlight = 16;
const slots = 16;

interface Course {
  readonly what: string;
  readonly least: number;
  /** As which the jobs must come out. */
  readonly as: 'here' | 'elsewhere';
  readonly commands: readonly LoadCommand[];
}

const courses = {
  inline: {
    what: 'inline decisions',
    least: 1_000,
    as: 'here',
    // What a build runs at home: it lists what a source includes, and probes.
    commands: [
      { argv: ['gcc', '-MM', 'main.c'], force: '' },
      { argv: ['gcc', '-c', 'conftest.c', '-o', 'conftest.o'], force: '' },
    ],
  },
  remote: {
    what: 'remote `true`',
    least: 400,
    as: 'elsewhere',
    commands: [{ argv: ['/bin/true'], force: 'remote' }],
  },
} as const satisfies Readonly<Record<string, Course>>;

export async function rateCosts(): Promise<Row[]> {
  await using swarm = await SwarmRig.start(undefined, { machines: 2, slots });
  const rows: Row[] = [];
  for (const [name, { what, least, as }] of Object.entries(courses)) {
    const beforeMs = gccMs();
    const told = await swarm.check('m1', ['node', import.meta.filename, name], { timeoutMs: 120_000 });
    const slower = (beforeMs + gccMs()) / 2 / goalsGccMs;
    const counts = JSON.parse(told) as RateCounts;
    const { elsewhere, here, failed, tookMs } = counts;
    const perS: Row = {
      what: `${what}, one submitter`,
      figure: (counts[as] * 1_000) / tookMs,
      unit: 'jobs/s',
      least,
    };
    rows.push(
      // Where nothing is started there, what gcc takes says little.
      as === 'here' ? perS : scaled(perS, slower),
      { what: `  of ${elsewhere + here + failed} jobs: lost or failed`, figure: failed, unit: '', goal: 0 },
      { what: '  came out otherwise', figure: elsewhere + here - counts[as], unit: '', goal: 0 },
    );
  }
  return rows;
}

async function measure(name: keyof typeof courses): Promise<RateCounts> {
  const { commands } = courses[name];
  // Warm: V8 has compiled what runs often.
  await handInFor(commands, 5_000, inFlight);
  return await handInFor(commands, forMs, inFlight);
}

const name = process.argv[2] ?? '';
if (import.meta.filename === process.argv[1] && Object.hasOwn(courses, name))
  console.log(JSON.stringify(await measure(name as keyof typeof courses)));
