/**
 * Runs on a guest of the NFS lab: does what the test on the host asks, one JSON line in, one out. `plain` calls
 * node:fs itself (what other programs do), the rest is the code under test. Listens in the lab's network only.
 */
import fs from 'node:fs';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { awaitFacts, commitOutputs } from '../../src/share/commit.ts';
import { Disk } from '../../src/share/disk.ts';
import { readFacts } from '../../src/share/facts.ts';
import { checkMember, listMembers, removeMemberFile, writeMemberFile } from '../../src/share/members.ts';
import { mountOf, readMounts } from '../../src/share/mounts.ts';
import { refreshDirectories } from '../../src/share/refresh.ts';
import { realPathsBelow, Shares } from '../../src/share/shares.ts';
import { touchDirectories } from '../../src/share/touch.ts';

const disk = new Disk();
const shares = new Shares(disk);
const held: number[] = [];

/** Calls that the client of a mount has sent to its server so far. */
function callsOf(mountPoint: string): number {
  const text = fs.readFileSync('/proc/self/mountstats', 'utf8');
  const part = text.split(/^device /m).find((one) => one.includes(` mounted on ${mountPoint} `)) ?? '';
  const operations = part.slice(part.indexOf('per-op statistics')).matchAll(/^\s+[A-Z_]+: (\d+) /gm);
  return [...operations].reduce((sum, [, count]) => sum + Number(count), 0);
}

const calls = {
  plain: (name: string, ...args: unknown[]) => {
    try {
      const call = fs[name as 'readFileSync'] as (...args: unknown[]) => unknown;
      const result = call(...args);
      return result instanceof Buffer ? result.toString('latin1') : (result ?? null);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  },
  hold: (path: string) => held.push(fs.openSync(path, 'r')),
  release: () => {
    for (const descriptor of held.splice(0)) fs.closeSync(descriptor);
  },
  facts: (paths: string[], fresh: boolean, timeoutMs = 10_000) =>
    readFacts(disk, paths, { fresh, timeoutMs }),
  hung: () => disk.hungThreads,
  refresh: async (directories: string[]) => Object.fromEntries(await refreshDirectories(disk, directories)),
  await: (expected: Parameters<typeof awaitFacts>[1], timeoutMs: number) =>
    awaitFacts(disk, expected, { timeoutMs }),
  commit: (outputs: Parameters<typeof commitOutputs>[1], timeoutMs: number) =>
    commitOutputs(disk, outputs, { timeoutMs }),
  touch: (directories: string[]) => touchDirectories(disk, directories),
  find: (directory: string) => {
    shares.forget();
    return shares.find(directory).then((found) => (found.ok ? { ...found, share: found.share.root } : found));
  },
  mount: (path: string) => {
    const { options: _, ...mount } = mountOf(readMounts(), path) ?? { options: undefined };
    return mount;
  },
  below: async (directory: string, paths: string[]) => {
    const found = await shares.find(directory);
    return found.ok ? realPathsBelow(disk, found.share, paths) : found;
  },
  writeMember: (root: string, member: Parameters<typeof writeMemberFile>[2]) =>
    writeMemberFile(disk, root, member),
  checkMember: (root: string, peer: { peerId: string; publicKey: string }) => checkMember(disk, root, peer),
  listMembers: (root: string) => listMembers(disk, root),
  removeMember: (root: string, peerId: string) => removeMemberFile(disk, root, peerId),
  calls: callsOf,
} as const;

export type GuestCalls = typeof calls;
export type GuestCall = keyof GuestCalls;

async function answer(line: string): Promise<string> {
  const { call, args } = JSON.parse(line) as { call: GuestCall; args: unknown[] };
  const startMs = performance.now();
  try {
    const result: unknown = await (calls[call] as (...args: unknown[]) => unknown)(...args);
    return JSON.stringify({ result: result ?? null, wallMs: performance.now() - startMs });
  } catch (error) {
    return JSON.stringify({ error: (error as Error).stack });
  }
}

const port = Number(process.argv[2]);
if (Number.isInteger(port))
  createServer((socket) => {
    const lines = createInterface({ input: socket });
    socket.on('error', () => lines.close());
    void (async () => {
      for await (const line of lines) socket.write(`${await answer(line)}\n`);
    })();
  }).listen(port);
