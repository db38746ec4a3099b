/**
 * Attacks a peer for a while: `attack KIND TARGET SECONDS`, run on the machine that it comes from. Says `begun` first, and
 * how often it did what when it ends, of SIGTERM too. What the victim refuses is tried again.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { multiaddr } from '@multiformats/multiaddr';
import { createNode } from '../../src/swarm/libp2p/node.ts';
import { encodeBeat } from '../../src/wire/control-messages.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { Attacker } from './attacker.ts';

const beganMs = performance.now();
const endMs = beganMs + Number(process.argv[4]) * 1_000;
const target = process.argv[3] ?? '';

/** What was done, and how often. */
const done: Record<string, number> = {};

function count(what: string, times = 1): void {
  done[what] = (done[what] ?? 0) + times;
}

function begun(): void {
  process.stdout.write('begun\n');
}

/** Does it so many times a second, until the end. */
async function paced(perS: number, act: () => void): Promise<void> {
  const startedMs = performance.now();
  for (let acted = 0; performance.now() < endMs; await sleep(10)) {
    for (; acted < ((performance.now() - startedMs) / 1_000) * perS; acted += 1) act();
  }
}

/** Attacks as one guest after the other, each until its connection is ended. */
async function again(one: (evil: Attacker) => Promise<void>): Promise<void> {
  begun();
  while (performance.now() < endMs) {
    count('connections tried');
    try {
      await using evil = await Attacker.meet(target);
      await one(evil);
    } catch {
      // The gate is closed, as it should be for a while.
      await sleep(100);
    }
  }
}

/** Streams whose protocol is never agreed on. */
async function streams(): Promise<void> {
  await again(async (evil) => {
    for (let opened = 0; performance.now() < endMs; opened += 1) {
      if (evil.connection.status !== 'open') return;
      await evil.openRawStream();
      count('streams');
      if (opened % 50 === 0) await turn();
    }
  });
}

/** Beats whose answers are not read. */
async function beats(): Promise<void> {
  const many = Buffer.concat(Array.from({ length: 4_000 }, () => encodeFrame('BEAT', encodeBeat(1))));
  await again(async (evil) => {
    evil.stopReading();
    count('KiB of beats', Math.round((await evil.flood(many, endMs - performance.now())) / 1024));
  });
}

/** A hundred connections a second, each with the handshakes of libp2p and without a word after them. */
async function connections(): Promise<void> {
  const node = await createNode({ privateKey: await generateKeyPair('Ed25519'), listen: [], services: {} });
  await node.start();
  begun();
  await paced(100, () => {
    count('connections tried');
    node.dial(multiaddr(target), { force: true }).then(
      () => count('connections'),
      () => undefined,
    );
  });
}

/** 900 connections of this machine that begin with these bytes and say no more, then a hundred others a second in place of the oldest. */
async function locals(begin: Buffer): Promise<void> {
  const open: Socket[] = [];
  const another = (): Socket => {
    if (open.length >= 900) open.shift()?.destroy();
    const socket = connect(target, () => socket.write(begin));
    socket.on('error', () => socket.destroy());
    open.push(socket);
    return socket;
  };
  for (let made = 0; made < 900; made += 1) await once(another(), 'connect');
  begun();
  await paced(100, () => {
    another();
    count('connections');
  });
}

const attacks: Readonly<Record<string, () => Promise<void>>> = {
  streams,
  beats,
  connections,
  halves: () => locals(encodeFrame('ENV', Buffer.alloc(1024 * 1024, 'A=1\0')).subarray(0, 512 * 1024)),
  silence: () => locals(Buffer.alloc(0)),
};

function end(): void {
  const forS = (performance.now() - beganMs) / 1_000;
  process.stdout.write(`${JSON.stringify({ forS, done })}\n`, () => process.exit(0));
}

process.once('SIGTERM', end);
await attacks[process.argv[2] ?? '']?.();
end();
