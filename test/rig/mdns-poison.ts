/**
 * Says by mDNS that peers are there which are not: `mdns-poison COUNT PER_SECOND ADDRESS [PORT]`. A program, run on a machine of a
 * LAN of namespaces; ends when all are said.
 */
import { createSocket } from 'node:dgram';
import { setTimeout as sleep } from 'node:timers/promises';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { defaultServiceTag } from '../../src/swarm/finding/discovery.ts';

const [count, perS, address] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]];
/** On any other one nobody hears it. */
const port = Number(process.argv[5] ?? 5353);
const everyMs = 20;

function nameOf(text: string): Buffer {
  const labels = text.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([...labels, Buffer.alloc(1)]);
}

function record(name: string, type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(10);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(1, 2);
  head.writeUInt32BE(120, 4);
  head.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameOf(name), head, data]);
}

/** A response with a PTR record (12) and a TXT record (16), as libp2p's peers send it. */
function response(peer: string): Buffer {
  const name = `${peer.slice(-32)}.${defaultServiceTag}`;
  const text = `dnsaddr=${address}/p2p/${peer}`;
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0x8400, 2);
  head.writeUInt16BE(2, 6);
  return Buffer.concat([
    head,
    record(defaultServiceTag, 12, nameOf(name)),
    record(name, 16, Buffer.from(`${String.fromCharCode(text.length)}${text}`)),
  ]);
}

process.stdout.write('begun\n');
const socket = createSocket('udp4');
const beganMs = performance.now();
for (let sent = 0; sent < count; await sleep(everyMs)) {
  const due = Math.min(count, ((performance.now() - beganMs) / 1000) * perS);
  for (; sent < due; sent += 1) {
    const peer = peerIdFromPrivateKey(await generateKeyPair('Ed25519'));
    socket.send(response(peer.toString()), port, '224.0.0.251');
  }
}
socket.close();
