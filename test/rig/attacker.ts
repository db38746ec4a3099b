/** A peer that speaks our protocols by libp2p alone, as badly as a test wants. Ends with `await using`. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Connection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { absent } from '../../src/core/fact.ts';

import { createNode } from '../../src/swarm/libp2p/node.ts';
import { controlProtocol } from '../../src/swarm/link.ts';
import { encodeHello, encodeShares, type Hello, protocolNumber } from '../../src/wire/control-messages.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { helloOf } from './swarm-node.ts';
import { until } from './until.ts';

type Node = Awaited<ReturnType<typeof createNode>>;

/** The parts of a connection of libp2p that its type does not show. */
interface RawConnection {
  readonly muxer: {
    createStream(options: object): unknown;
    handlePing: (header: unknown) => void;
    sendFrame(header: { type: number; flag: number; streamID: number; length: number }): unknown;
  };
}

interface RawStream {
  sendWindowUpdate: () => void;
}

export class Attacker {
  readonly node: Node;
  readonly connection: Connection;
  readonly control: Stream;
  readonly #heard: { text: string };
  readonly #publicKey: string;

  private constructor(
    node: Node,
    publicKey: string,
    connection: Connection,
    control: Stream,
    heard: { text: string },
  ) {
    this.node = node;
    this.#publicKey = publicKey;
    this.connection = connection;
    this.control = control;
    this.#heard = heard;
  }

  /** Connects and says hello. @param fields - of its load report, over those of an honest one. */
  static async meet(address: string, fields: Partial<Hello['report']> = {}): Promise<Attacker> {
    const privateKey = await generateKeyPair('Ed25519');
    const node = await createNode({ privateKey, listen: [], services: {} });
    await node.start();
    const connection = await node.dial(multiaddr(address), { force: true });
    const control = await connection.newStream(controlProtocol);
    const heard = { text: '' };
    control.addEventListener('message', (event) => {
      const data = event.data as Uint8Array | { subarray(): Uint8Array };
      heard.text = (heard.text + Buffer.from(data.subarray()).toString('latin1')).slice(-1_000_000);
    });
    const hello = helloOf(node.peerId.toString(), 'evil');
    control.send(encodeFrame('HELLO', encodeHello({ ...hello, report: { ...hello.report, ...fields } })));
    await until(() => heard.text.includes(`"protocol":${protocolNumber}`), 5_000, 'the hello is answered');
    const publicKey = Buffer.from(privateKey.publicKey.raw).toString('base64');
    return new Attacker(node, publicKey, connection, control, heard);
  }

  /** All that the victim has said, the newest of it. */
  get heard(): string {
    return this.#heard.text;
  }

  /** Writes a proper member file: from now on it is the same user, who may be hostile all the same. */
  becomeMember(share: string): void {
    const peerId = this.node.peerId.toString();
    const member = { peerId, publicKey: this.#publicKey, host: 'evil', addresses: [] };
    writeFileSync(path.join(share, '.buildswarm/peers', peerId), JSON.stringify(member), { mode: 0o600 });
  }

  /** Grants no window for what comes on the control stream, as a peer that reads nothing of it. */
  stopReading(): void {
    (this.control as unknown as RawStream).sendWindowUpdate = () => undefined;
  }

  /** Sends on the control stream, as fast as the victim takes it. @returns how much that was in so much time. */
  async flood(bytes: Uint8Array, forMs: number): Promise<number> {
    const endMs = performance.now() + forMs;
    let sentBytes = 0;
    while (performance.now() < endMs && this.control.writeStatus === 'writable') {
      if (this.control.writeBufferLength < 256 * 1024) {
        sentBytes += bytes.length;
        this.control.send(bytes);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    return sentBytes - this.control.writeBufferLength;
  }

  /** Opens a stream and says nothing on it. */
  async openRawStream(): Promise<void> {
    await (this.connection as unknown as RawConnection).muxer.createStream({});
  }

  /** Sends a ping of yamux, which is to be answered. */
  ping(): void {
    const { muxer } = this.connection as unknown as RawConnection;
    // Its answers are too many for this end as well.
    muxer.handlePing = () => undefined;
    muxer.sendFrame({ type: 2, flag: 1, streamID: 0, length: 1 });
  }

  /** Says that it is a member of these shares. */
  tellShares(roots: readonly string[]): void {
    const shares = roots.map((root) => ({
      root,
      cacheMaxMs: 0,
      timesOnly: false,
      member: absent,
      seen: true,
    }));
    this.control.send(encodeFrame('SHARES', encodeShares({ shares })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.stop();
  }
}
