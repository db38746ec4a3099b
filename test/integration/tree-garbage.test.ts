/**
 * The helpers of a served tree, built with the sanitizers, under parents that say what they should not: they end, or go
 * on, and never crash, hang or grow. And clients under helpers that do.
 *
 * BUILDSWARM_TREE_GARBAGE: how many damaged conversations a helper is given.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createRandom, nextInteger, type RandomState } from '../../src/core/random.ts';
import { TreeServer } from '../../src/tree/tree-server.ts';
import { encodeFrame, FrameDecoder, type FrameName, frameTypes, headerBytes } from '../../src/wire/frame.ts';
import { encodeTreeStart } from '../../src/wire/tree-messages.ts';
import { compilePrograms, type Programs } from '../rig/programs.ts';
import { raw } from '../rig/raw.ts';
import { text, u32, u64 } from '../rig/tree-bytes.ts';
import { treeObstacle } from '../rig/tree-lab.ts';
import { until } from '../rig/until.ts';

const conversations = Number(process.env['BUILDSWARM_TREE_GARBAGE'] ?? 120);
const noTree = treeObstacle() ?? false;
const treeTypes = (Object.keys(frameTypes) as FrameName[]).filter((type) => type.startsWith('TREE_'));

let directory: string;
let share: string;
let programs: Programs;

before(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'tree-garbage-'));
  share = path.join(directory, 'share');
  mkdirSync(path.join(share, 'd'), { recursive: true });
  writeFileSync(path.join(share, 'd/f'), 'content');
  programs = compilePrograms('sanitized');
});
after(() => {
  programs.remove();
  rmSync(directory, { recursive: true, force: true });
});

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly out: Buffer;
}

/** Gives a helper bytes, closes its stdin, and waits for its end. */
async function converse(program: string, bytes: Uint8Array, deadlineMs = 10_000): Promise<Ended> {
  const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'pipe'], cwd: '/' });
  const [stderr, out]: [Buffer[], Buffer[]] = [[], []];
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stdin.on('error', () => {}); // it may have ended before it read all
  const ended = once(child, 'close');
  const timer = setTimeout(() => child.kill('SIGABRT'), deadlineMs);
  child.stdin.end(bytes);
  const [status, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return { status, signal, stderr: Buffer.concat(stderr).toString(), out: Buffer.concat(out) };
}

function assertSound(ended: Ended, what: string): void {
  assert.equal(ended.signal, null, `${what}: ${ended.stderr.slice(0, 3_000)}`);
  assert.equal(ended.status, 0, `${what}: ${ended.stderr.slice(0, 3_000)}`);
  assert.equal(ended.stderr, '', what);
}

const frame = (type: FrameName, ...parts: readonly Uint8Array[]): Buffer =>
  encodeFrame(type, raw(Buffer.concat(parts)));

function attributes(mode: number, sizeBytes: number, inode = 7): Buffer {
  const wide = [1, inode, sizeBytes, 8, 0, 5, 5].map(u64);
  return Buffer.concat([...wide, ...[0, 0, mode, 1, 0, 0].map(u32)]);
}

const entry = (name: string, mode: number, sizeBytes: number, inode: number): Buffer =>
  Buffer.concat([
    Uint8Array.of(1),
    text(name),
    attributes(mode, sizeBytes, inode),
    (mode & 0o170000) === 0o120000 ? text('d') : Buffer.alloc(0),
  ]);

function startTree(): Buffer {
  return encodeFrame(
    'TREE_START',
    encodeTreeStart([
      ['share', share],
      ['never', '/proc'],
      ['never', '.ssh'],
      ['hashBelowBytes', 65_536],
    ]),
  );
}

/** What a worker may well ask. */
function treeRequests(): Buffer[] {
  return [
    frame('TREE_LIST', u32(1), Uint8Array.of(0), text(share), text('d')),
    frame('TREE_LIST', u32(2), Uint8Array.of(1), text(''), text('')),
    frame('TREE_LOOK', u32(3), text(`${share}/d`), text('f')),
    frame(
      'TREE_READ',
      u32(4),
      u64(0),
      u32(1_000),
      Uint8Array.of(0),
      attributes(0, 0),
      Uint8Array.of(1),
      Buffer.alloc(32),
      text(`${share}/d/f`),
    ),
    frame('TREE_BARRIER', u32(5)),
    frame('TREE_COMPARE', text(share), text(`${share}/d`)),
    frame('TREE_NOTE', attributes(0o100644, 7), Buffer.alloc(32), text(`${share}/d/f`)),
    frame('TREE_FORGET', text(`${share}/d`)),
    frame('TREE_STATUS', u32(6)),
    frame('TREE_LOOKS', u32(7), text(`${share}/d/f`), text(`${share}/d`), text(`${share}/no/such`), text('')),
  ];
}

function startFs(name: string): Buffer {
  const place = path.join(directory, name);
  for (const part of ['root', 'cache', 'jobs']) mkdirSync(path.join(place, part), { recursive: true });
  return encodeFrame(
    'TREE_START',
    encodeTreeStart([
      ['mountPoint', path.join(place, 'root')],
      ['cache', path.join(place, 'cache')],
      ['index', path.join(place, 'index')],
      ['scratch', path.join(place, 'jobs')],
    ]),
  );
}

const directoryMode = 0o040755;

/** What a submitter may well send unasked, so that there is a tree to be damaged. */
function fsMessages(): Buffer[] {
  const manifest = (id: number, flags: number, place: string, ...entries: Buffer[]): Buffer =>
    frame(
      'TREE_MANIFEST',
      u32(id),
      u64(3),
      Uint8Array.of(flags),
      u32(0),
      u32(entries.length),
      attributes(directoryMode, 0, place === '/d' ? 3 : 2),
      text(place),
      ...entries,
    );
  return [
    manifest(
      0,
      1,
      '',
      entry('d', directoryMode, 0, 3),
      entry('f', 0o100644, 7, 4),
      entry('l', 0o120777, 1, 5),
    ),
    manifest(0, 1, '/d', entry('f', 0o100644, 7, 6), entry('big', 0o100644, 5_000_000, 8)),
    manifest(0, 64, '/d', entry('g', 0o100644, 7, 9)),
    manifest(77, 1, '/d', entry('f', 0o100644, 7, 6)),
    frame(
      'TREE_CONTENT',
      u32(0),
      u64(3),
      Uint8Array.of(2),
      Uint8Array.of(0),
      u32(0),
      attributes(0o100644, 7, 6),
      u64(0),
      Buffer.from('ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73', 'hex'),
      text('/d/f'),
      Buffer.from('content'),
    ),
    frame(
      'TREE_CHANGES',
      u32(9),
      u64(4),
      Uint8Array.of(0),
      u32(3),
      Uint8Array.of(0),
      text('/d'),
      Uint8Array.of(3),
      text('f'),
      Uint8Array.of(1),
      text(''),
      Uint8Array.of(3),
      text('f'),
      Uint8Array.of(2),
      text('/d'),
      Uint8Array.of(3),
      text('x'),
    ),
    // With what there is now: a file, none, another kind of file, a link, one that is refused, a directory's times.
    frame(
      'TREE_CHANGES',
      u32(13),
      u64(5),
      Uint8Array.of(0),
      u32(6),
      Buffer.concat([Uint8Array.of(0), text('/d'), entry('f', 0o100644, 9, 10)]),
      Buffer.concat([Uint8Array.of(0), text('/d'), Uint8Array.of(0), text('g')]),
      Buffer.concat([Uint8Array.of(1), text('/d'), entry('big', directoryMode, 0, 11)]),
      Buffer.concat([Uint8Array.of(1), text(''), entry('l', 0o120777, 1, 5)]),
      Buffer.concat([Uint8Array.of(0), text(''), Uint8Array.of(2), text('f')]),
      Buffer.concat([Uint8Array.of(3), text(''), entry('d', directoryMode, 0, 3)]),
    ),
    frame('TREE_CHANGES', u32(10), u64(6), Uint8Array.of(2), u32(0)),
    frame('TREE_FAILED', u32(4), u32(5)),
    frame(
      'TREE_AHEAD',
      Buffer.concat([
        Uint8Array.of(0),
        text('/d/f/g'),
        Uint8Array.of(1),
        text('/d'),
        Uint8Array.of(0),
        text('/l/x'),
      ]),
      Buffer.concat([Uint8Array.of(2), text('/d/big'), u32(0), u32(6)]),
      Buffer.concat([Uint8Array.of(2), text('/f'), u32(0), u32(0xffff_ffff)]),
    ),
    frame('TREE_STORE', u32(11), Buffer.alloc(32), text(`${share}/d/f`)),
    frame('TREE_STATUS', u32(12)),
  ];
}

/** Damages a conversation: bytes flipped, cut, doubled, moved; frames made up. */
function damage(random: RandomState, frames: readonly Buffer[]): Buffer {
  const list: Buffer[] = Array.from({ length: 1 + nextInteger(random, 12) }, () =>
    Buffer.from(frames[nextInteger(random, frames.length)] ?? []),
  );
  for (const one of list) {
    const way = nextInteger(random, 5);
    if (way === 0) one[nextInteger(random, one.length)] = nextInteger(random, 256);
    // Behind the head, so that what is damaged is read at all.
    if (way === 1 && one.length > headerBytes)
      one[headerBytes + nextInteger(random, one.length - headerBytes)] = nextInteger(random, 256);
    if (way === 2 && one.length > headerBytes + 4)
      one.fill(0xff, headerBytes + nextInteger(random, one.length - headerBytes));
  }
  const made = frame(treeTypes[nextInteger(random, treeTypes.length)] ?? 'TREE_LIST').subarray(
    0,
    headerBytes,
  );
  if (nextInteger(random, 4) === 0) list.splice(nextInteger(random, list.length), 0, made);
  const bytes = Buffer.concat(list);
  return nextInteger(random, 4) === 0 ? bytes.subarray(0, nextInteger(random, bytes.length)) : bytes;
}

test('swarmtree takes damaged requests without a fault', { timeout: 240_000 }, async () => {
  const start = startTree();
  const sound = await converse(programs.swarmtree, Buffer.concat([start, ...treeRequests()]));
  assertSound(sound, 'an undamaged conversation');
  const answers = new FrameDecoder(treeTypes).push(sound.out).map(({ type }) => type);
  for (const type of ['TREE_READY', 'TREE_MANIFEST', 'TREE_CONTENT', 'TREE_CHANGES', 'TREE_FIGURES'] as const)
    assert.ok(answers.includes(type), `there is no ${type} in the answers`);
  for (let seed = 1; seed <= conversations; seed += 1) {
    const random = createRandom(seed);
    const begin = nextInteger(random, 10) === 0 ? damage(random, [start]) : start;
    assertSound(
      await converse(programs.swarmtree, Buffer.concat([begin, damage(random, treeRequests())])),
      `seed ${seed}`,
    );
  }
});

test('swarmfs takes damaged answers without a fault', { skip: noTree, timeout: 240_000 }, async () => {
  const sound = await converse(programs.swarmfs, Buffer.concat([startFs('sound'), ...fsMessages()]));
  assertSound(sound, 'an undamaged conversation');
  const answers = new FrameDecoder(treeTypes).push(sound.out).map(({ type }) => type);
  assert.ok(answers.includes('TREE_APPLIED') && answers.includes('TREE_FIGURES'), answers.join());
  for (let seed = 1; seed <= conversations / 2; seed += 1) {
    const random = createRandom(seed);
    const bytes = Buffer.concat([startFs('damaged'), damage(random, fsMessages())]);
    assertSound(await converse(programs.swarmfs, bytes), `seed ${seed}`);
  }
});

test('a helper that claims a huge frame, or is claimed one, keeps nothing of it', async () => {
  const huge = Buffer.alloc(headerBytes);
  huge.writeUInt32LE(0xffff_fff0, 0);
  huge[4] = frameTypes.TREE_LIST;
  assertSound(
    await converse(programs.swarmtree, Buffer.concat([startTree(), huge])),
    'a length over the limit',
  );
});

/** A program that says what it is told, whatever it is asked. */
function liar(name: string, words: string): string {
  const file = path.join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${words}\n`);
  chmodSync(file, 0o755);
  return file;
}

test('a client under a helper that lies or ends gives up in time, and says so once', async () => {
  const lies: Readonly<Record<string, string>> = {
    'ends at once': 'exit 3',
    'says garbage': 'printf "\\377\\377\\377\\377\\377\\377"; exec cat >/dev/null',
    'says what has no place': 'printf "\\0\\0\\0\\0\\044"; exec cat >/dev/null',
    cannot: 'printf "\\027\\0\\0\\0\\074failed=device\\0errno=13\\0\\0"; exec cat >/dev/null',
  };
  for (const [name, words] of Object.entries(lies)) {
    const lost: string[] = [];
    const options = { program: liar(name.replaceAll(' ', '-'), words), shares: [share], never: [] };
    await assert.rejects(
      TreeServer.start({ ...options, onLost: (why) => lost.push(why) }),
      { code: 'E_TREE' },
      name,
    );
    await until(() => name === 'cannot' || lost.length === 1, 5_000, `${name} is told`);
  }
});
