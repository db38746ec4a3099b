/**
 * Attacks a peer for a while: `attack KIND TARGET SECONDS`, run on the machine that it comes from. Says `begun` first.
 * What the victim refuses is tried again, as often as it allows.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeBeat } from '../../src/wire/control-messages.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { Attacker } from './attacker.ts';

const endMs = performance.now() + Number(process.argv[4]) * 1_000;
const target = process.argv[3] ?? '';

/** Attacks as one guest after the other, each until its connection is ended. */
async function again(one: (evil: Attacker) => Promise<void>): Promise<void> {
  while (performance.now() < endMs) {
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
      if (opened % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });
}

/** Beats whose answers are not read. */
async function beats(): Promise<void> {
  const many = Buffer.concat(Array.from({ length: 4_000 }, () => encodeFrame('BEAT', encodeBeat(1))));
  await again(async (evil) => {
    evil.stopReading();
    await evil.flood(many, endMs - performance.now());
  });
}

/** 900 connections of this machine that say half of a request, 512 KiB of it; a hundred others a second for those that end. */
async function halves(): Promise<void> {
  const half = encodeFrame('ENV', Buffer.alloc(1024 * 1024, 'A=1\0')).subarray(0, 512 * 1024);
  const open = new Set<Socket>();
  for (let made = 0; performance.now() < endMs; made += 1) {
    if (open.size < 900) {
      const socket = connect(target, () => socket.write(half));
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => open.delete(socket));
    }
    await (made < 900 ? new Promise((resolve) => setImmediate(resolve)) : sleep(10));
  }
}

const attacks: Readonly<Record<string, () => Promise<void>>> = { streams, beats, halves };
process.stdout.write('begun\n');
await attacks[process.argv[2] ?? '']?.();
process.exit(0);
