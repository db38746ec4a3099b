import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import * as fc from 'fast-check';
import { absent } from '../../src/core/fact.ts';
import { createNode } from '../../src/swarm/libp2p/node.ts';
import { controlProtocol, jobProtocol } from '../../src/swarm/link.ts';
import { encodeHello, encodeShares, protocolNumber } from '../../src/wire/control-messages.ts';
import { encodeFrame, type FrameName, frameLimits, frameTypes } from '../../src/wire/frame.ts';
import { Daemon } from '../rig/daemon.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { helloOf } from '../rig/swarm-node.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();
const names = Object.keys(frameTypes) as FrameName[];

/** Frames that are in order but for what they hold; headers that promise too much; bytes; and all of it cut off. */
const frames = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: frameOf(names) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 500 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(...Object.values(frameTypes)), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
        .map(([type, length]) => {
          const header = Buffer.alloc(5);
          header.writeUInt32LE(length, 0);
          header[4] = type;
          return header;
        }),
    },
  ),
  { minLength: 1, maxLength: 6 },
);
const bytes = fc
  .tuple(frames, fc.nat(40))
  .map(([parts, cut]) =>
    Buffer.concat(parts.map((part) => Buffer.from(part))).subarray(0, -cut || undefined),
  );

function frameOf(types: readonly FrameName[]): fc.Arbitrary<Buffer> {
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.json({ maxDepth: 3 }),
    fc.constantFrom(
      'a\0',
      'version=1\0pid=1\0cwd=/\0umask=22\0',
      '{"op":"why","job":-1}',
      '{"reports":[]}',
      '{"shares":[{}]}',
    ),
  );
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    text.map((chars) => new Uint8Array(Buffer.from(chars))),
  );
  return fc
    .tuple(fc.constantFrom(...types), payload)
    .map(([type, whole]) => encodeFrame(type, whole.subarray(0, frameLimits[type])));
}

test('whatever comes on the local socket ends that connection and nothing else', {
  timeout: 600_000,
}, async () => {
  await using daemon = await Daemon.start();
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      const socket = connect(daemon.socket);
      socket.on('error', () => {});
      socket.resume();
      await new Promise<void>((resolve) => {
        socket.once('close', () => resolve());
        socket.once('connect', () => socket.end(sent));
      });
    }),
    { numRuns: 300 },
  );
  await daemon.assertWell();
});

test('whatever a peer says, stranger or member, ends its stream or connection and nothing else', {
  timeout: 600_000,
}, async () => {
  await using daemon = await Daemon.start();
  for (const isMember of [false, true]) {
    const privateKey = await generateKeyPair('Ed25519');
    const node = await createNode({ privateKey, listen: [], services: {} });
    await node.start();
    const id = node.peerId.toString();
    const publicKey = Buffer.from(privateKey.publicKey.raw).toString('base64');
    if (isMember) {
      writeFileSync(
        path.join(daemon.share, '.buildswarm/peers', id),
        JSON.stringify({ peerId: id, publicKey, host: 'h', addresses: [] }),
        { mode: 0o600 },
      );
    }
    const greet = async (): Promise<{ control: Stream; job: () => Promise<Stream> }> => {
      const connection = await node.dial(multiaddr(daemon.address), { force: true });
      const control = await connection.newStream(controlProtocol);
      let said = '';
      control.addEventListener('message', (event) => {
        const data = event.data as Uint8Array | { subarray(): Uint8Array };
        said += Buffer.from(data.subarray()).toString('latin1');
      });
      control.send(encodeFrame('HELLO', encodeHello(helloOf(id, 'garbage'))));
      await until(() => said.includes(`"protocol":${protocolNumber}`), 3_000, 'the hello is answered');
      if (isMember) {
        const share = { root: daemon.share, cacheMaxMs: 0, timesOnly: false, member: absent, seen: false };
        control.send(encodeFrame('SHARES', encodeShares({ shares: [share] })));
        await until(() => said.includes('"seen":true'), 3_000, 'it is found to be a member');
      }
      return { control, job: () => connection.newStream(jobProtocol) };
    };
    const isOver = (stream: Stream) => stream.status !== 'open' || stream.remoteWriteStatus === 'closed';
    const told: FrameName[] = ['GOSSIP', 'WANT', 'FREE', 'SHARES', 'BEAT', 'BEAT_ACK'];
    await fc.assert(
      fc.asyncProperty(fc.oneof(frameOf(told), bytes), async (sent) => {
        const { control } = await greet();
        control.send(sent);
        if (control.writeStatus === 'writable') await control.close().catch(() => {});
        await until(() => isOver(control), 3_000, 'the control stream is over');
      }),
      { numRuns: 60 },
    );
    const { control, job } = await greet();
    const asked: FrameName[] = ['ARGV', 'ENV', 'OFFER', 'STDIN', 'STDIN_END', 'SIGNAL', 'CREDIT', 'RECALL'];
    await fc.assert(
      fc.asyncProperty(fc.oneof(frameOf(asked), bytes), async (sent) => {
        const stream = await job();
        stream.addEventListener('message', () => {});
        if (stream.writeStatus === 'writable') stream.send(sent);
        if (stream.writeStatus === 'writable') await stream.close().catch(() => {});
        await until(() => isOver(stream), 3_000, 'the job stream is over');
        assert.equal(control.status, 'open');
      }),
      { numRuns: 60 },
    );
    await node.stop();
    await daemon.assertWell();
  }
});
