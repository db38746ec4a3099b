import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import * as fc from 'fast-check';
import type { Libp2p } from 'libp2p';
import { createNode } from '../../src/swarm/libp2p/node.ts';
import { controlProtocol, jobProtocol } from '../../src/swarm/link.ts';
import { encodeHello, protocolNumber } from '../../src/wire/control-messages.ts';
import { encodeFrame, type FrameName, frameLimits, frameTypes } from '../../src/wire/frame.ts';
import { assertOwnNamespace } from '../rig/namespace.ts';
import { raw, rawJson } from '../rig/raw.ts';
import { helloOf, SwarmNode } from '../rig/swarm-node.ts';
import { until } from '../rig/until.ts';

assertOwnNamespace();

/** Somebody who speaks noise and yamux as we do, and then anything. */
class Stranger {
  readonly #node: Libp2p;
  readonly #victim: SwarmNode;

  private constructor(node: Libp2p, victim: SwarmNode) {
    this.#node = node;
    this.#victim = victim;
  }

  static async start(victim: SwarmNode): Promise<Stranger> {
    const node = await createNode({ privateKey: await generateKeyPair('Ed25519'), listen: [], services: {} });
    await node.start();
    return new Stranger(node, victim);
  }

  get id(): string {
    return this.#node.peerId.toString();
  }

  async connect(): Promise<Connection> {
    const [address] = this.#victim.swarm.addresses();
    return this.#node.dial(multiaddr(address), { force: true });
  }

  /** Connected, and the hello said. */
  async greet(): Promise<Connection> {
    const connection = await this.connect();
    const control = await connection.newStream(controlProtocol);
    control.addEventListener('message', () => {});
    control.send(encodeFrame('HELLO', encodeHello(helloOf(this.id, 'stranger'))));
    await until(() => this.#victim.swarm.isConnected(this.id), 2000, 'the stranger counts as a peer');
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.stop();
  }
}

function isOver(stream: Stream): boolean {
  return stream.status !== 'open' || stream.remoteWriteStatus === 'closed';
}

const anyFrame = fc
  .tuple(fc.constantFrom(...(Object.keys(frameTypes) as FrameName[])), fc.uint8Array({ maxLength: 300 }))
  .map(([type, payload]) => encodeFrame(type, payload.subarray(0, frameLimits[type])));

/** Bytes that cannot be a sequence of frames of a submitter, or not a whole one. */
const garbage = fc.oneof(
  { weight: 3, arbitrary: fc.uint8Array({ minLength: 5, maxLength: 2000 }) },
  // a length beyond every limit
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 70_000, max: 2 ** 32 - 1 }), fc.constantFrom(...Object.values(frameTypes)))
      .map(([length, type]) => {
        const header = Buffer.alloc(5);
        header.writeUInt32LE(length, 0);
        header[4] = type;
        return header;
      }),
  },
  { weight: 1, arbitrary: fc.constant(encodeFrame('HELLO', raw('{}'))) },
  { weight: 1, arbitrary: anyFrame.map((frame) => frame.subarray(0, frame.length - 1)) },
);

test('whatever comes on a job stream ends that stream and nothing else', { timeout: 600_000 }, async () => {
  let ended = 0;
  await using victim = await SwarmNode.start({
    onJob: (channel) => {
      channel.onEnd = () => {
        ended += 1;
      };
    },
  });
  await using stranger = await Stranger.start(victim);
  const connection = await stranger.greet();
  const healthy = await connection.newStream(jobProtocol);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(garbage, async (bytes) => {
      const stream = await connection.newStream(jobProtocol);
      stream.send(bytes);
      runs += 1;
      // Cut off, or refused before that.
      if (stream.writeStatus === 'writable') await stream.close().catch(() => {});
      await until(() => ended === runs && isOver(stream), 3000, 'the stream has ended');
      assert.ok(victim.swarm.isConnected(stranger.id), 'the connection stands');
    }),
    { numRuns: 150 },
  );
  assert.equal(healthy.status, 'open');
  assert.ok(!victim.has('gone'));
  healthy.abort(new Error('done'));
  await until(() => victim.swarm.jobs === 0, 2000, 'nothing is left of them');
});

test('garbage on the control stream ends that connection, and the peer may come again', {
  timeout: 600_000,
}, async () => {
  await using victim = await SwarmNode.start();
  await using other = await SwarmNode.start({ bootstrap: victim.swarm.addresses() });
  await victim.meets(other);
  await fc.assert(
    fc.asyncProperty(fc.boolean(), garbage, async (afterHello, bytes) => {
      await using stranger = await Stranger.start(victim);
      const connection = await stranger.connect();
      const control = await connection.newStream(controlProtocol);
      control.addEventListener('message', () => {});
      if (afterHello) {
        control.send(encodeFrame('HELLO', encodeHello(helloOf(stranger.id, 'stranger'))));
        await until(() => victim.swarm.isConnected(stranger.id), 2000, 'the stranger counts as a peer');
      }
      control.send(bytes);
      if (control.writeStatus === 'writable') await control.close().catch(() => {});
      await until(() => connection.status !== 'open', 3000, 'the connection has ended');
      await until(() => !victim.swarm.isConnected(stranger.id), 3000, 'the stranger is gone');
    }),
    { numRuns: 40 },
  );
  assert.ok(victim.swarm.isConnected(other.id));
  await using again = await Stranger.start(victim);
  await again.greet();
});

test('a hello in the name of another, or of no shape, is not believed', async () => {
  await using victim = await SwarmNode.start();
  const wrong: unknown[] = [
    { ...helloOf('12D3KooWSomebodyElse', 'liar') },
    [],
    { protocol: protocolNumber },
    { protocol: protocolNumber, version: '1', report: {} },
  ];
  for (const hello of wrong) {
    await using stranger = await Stranger.start(victim);
    const connection = await stranger.connect();
    const control = await connection.newStream(controlProtocol);
    control.send(encodeFrame('HELLO', rawJson({ protocol: protocolNumber, ...(hello as object) })));
    await until(() => connection.status !== 'open', 2000, 'the connection has ended');
  }
  assert.deepEqual(victim.swarm.peers(), []);
  assert.ok(!victim.has('peer'));
});

test('a peer of another protocol is shown and left alone', async () => {
  await using victim = await SwarmNode.start();
  await using stranger = await Stranger.start(victim);
  const connection = await stranger.connect();
  const control = await connection.newStream(controlProtocol);
  control.send(encodeFrame('HELLO', rawJson({ protocol: protocolNumber + 1, version: '9.1' })));
  await until(() => victim.swarm.otherVersions().length === 1, 2000, 'it is shown');
  assert.equal(victim.swarm.otherVersions()[0]?.version, '9.1');
  assert.deepEqual(victim.swarm.peers(), []);
});

test('no job is taken before the hello, and a connection without one does not last', {
  timeout: 600_000,
}, async () => {
  let jobs = 0;
  await using victim = await SwarmNode.start({
    helloTimeoutMs: 1000,
    onJob: () => {
      jobs += 1;
    },
  });
  await using stranger = await Stranger.start(victim);
  const connection = await stranger.connect();
  const stream = await connection.newStream(jobProtocol);
  // It may be refused before anything could be sent.
  if (stream.writeStatus === 'writable') stream.send(encodeFrame('OFFER', raw('{}')));
  await until(() => isOver(stream), 2000, 'the stream is refused');
  assert.equal(jobs, 0);
  await until(() => connection.status !== 'open', 5000, 'the connection has ended');
});

test('connections that stop in the middle of a hello are closed again', { timeout: 600_000 }, async () => {
  await using victim = await SwarmNode.start({ helloTimeoutMs: 1000 });
  await using stranger = await Stranger.start(victim);
  const half = encodeFrame('HELLO', raw(Buffer.alloc(1000))).subarray(0, 600);
  for (let at = 0; at < 100; at += 1) {
    const connection = await stranger.connect();
    const control = await connection.newStream(controlProtocol);
    control.send(half);
  }
  await until(() => victim.swarm.connections === 0, 10_000, 'all are closed again');
});
