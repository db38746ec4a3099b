/** Runs a script of the tables and tells all that can be seen of it. */
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Explanation } from '../../../src/wire/cli-messages.ts';
import type { SwarmRig } from '../../rig/swarm-rig.ts';
import type { CommandLine, Way } from './case.ts';
import { sources } from './sources.ts';

/** What can be seen of a script that ran, by what it is. */
type Sight = Record<string, string>;

/** Bytes that a diff of two can show: long or binary ones by length and hash. gcc names its temporary files at random. */
function shown(bytes: Buffer): string {
  const text = bytes.toString('latin1').replaceAll(/\/tmp\/cc\w{6}\./g, '/tmp/ccRANDOM.');
  if (text.length < 2000 && !/[\0\x80-\xff]/.test(text)) return text;
  return `${bytes.length} bytes, ${createHash('sha256').update(text, 'latin1').digest('hex')}`;
}

/** All below a directory: mode, kind, links and bytes by path. */
async function photograph(folder: Buffer, name = ''): Promise<Sight> {
  const found: Sight = {};
  for (const entry of await readdir(folder, { encoding: 'buffer' })) {
    const place = Buffer.concat([folder, Buffer.from('/'), entry]);
    const at = `${name}${entry.toString('latin1')}`;
    const stats = await lstat(place);
    const links = stats.isDirectory() ? '' : ` ${stats.nlink} links `;
    found[at] = `${stats.mode.toString(8)}${links}`;
    if (stats.isFile()) found[at] += shown(await readFile(place));
    if (stats.isSymbolicLink()) found[at] += shown(await readlink(place, { encoding: 'buffer' }));
    if (stats.isDirectory()) Object.assign(found, await photograph(place, `${at}/`));
  }
  return found;
}

async function writeSources(folder: string): Promise<void> {
  await mkdir(folder);
  for (const [name, text] of Object.entries(sources)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
}

/** Runs a script in a fresh directory of the first machine, and returns all that can be seen of it. */
export async function observe(swarm: SwarmRig, folder: string, script: string, s: string): Promise<Sight> {
  const outside = await swarm.lan.pathOutside('m1', folder);
  await writeSources(outside);
  try {
    const ended = await swarm.exec('m1', ['/usr/bin/env', '-C', folder, 'bash', '-c', script], {
      env: { S: s },
    });
    const { status, signal, stdout, stderr } = ended;
    const files = await photograph(Buffer.from(`${outside}/`), './');
    return { ending: `${signal ?? status}`, stdout: shown(stdout), stderr: shown(stderr), ...files };
  } finally {
    await rm(outside, { recursive: true });
  }
}

/** What is not equal of two. */
export function differing(actual: Sight, expected: Sight): [Partial<Sight>, Partial<Sight>] {
  const names = Object.keys({ ...actual, ...expected }).filter((name) => actual[name] !== expected[name]);
  const of = (sight: Sight): Partial<Sight> => Object.fromEntries(names.map((name) => [name, sight[name]]));
  return [of(actual), of(expected)];
}

/** Such a failure is final: on a machine with much else to do it takes long, or its clock is known too badly to tell what was there before. */
const isFinal = /^it failed and (?:ran for \d{4,} ms$|changed )/;

/** What is not as the row says of where its jobs ran. */
export function misplaced({ place: places }: CommandLine, way: Way, jobs: readonly Explanation[]): string[] {
  const place = places[way];
  if (place === 'anywhere' || place === 'waits') return [];
  if (jobs.length === 0) return ['no job'];
  return jobs.flatMap((job) => {
    const codes = job.reasons.map(({ reason }) => reason);
    const isHere = job.place === 'inline';
    const right =
      place === 'remote'
        ? !isHere
        : isHere
          ? codes.includes(place)
          : place === 'failed-remotely' && job.details.some((detail) => isFinal.test(detail));
    return right
      ? []
      : [`${job.command.slice(0, 100)}: at ${job.place}, ${codes.join(', ')} ${job.details.join(', ')}`];
  });
}
