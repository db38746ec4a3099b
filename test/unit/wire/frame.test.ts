import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  encodeData,
  encodeFrame,
  FrameDecoder,
  FrameError,
  type FrameName,
  frameLimits,
  frameTypes,
  headerBytes,
} from '../../../src/wire/frame.ts';
import { roundsOf } from '../../rig/effort.ts';
import { raw } from '../../rig/raw.ts';

const names = Object.keys(frameTypes) as FrameName[];

const frame = fc
  .constantFrom(...names)
  .chain((type) =>
    fc.tuple(fc.constant(type), fc.uint8Array({ maxLength: Math.min(300, frameLimits[type]) })),
  );
const frames = fc.array(frame, { maxLength: 12 });

/** Cuts `bytes` at the given fractions of its length. */
function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = cuts.map((cut) => Math.floor(cut * bytes.length)).toSorted((a, b) => a - b);
  return [0, ...at].map((from, n) => bytes.subarray(from, at[n] ?? bytes.length));
}

const fraction = fc.double({ min: 0, max: 1, noNaN: true });

test('frames come out as they went in, however the bytes are split', () => {
  fc.assert(
    fc.property(frames, fc.array(fraction, { maxLength: 40 }), (list, cuts) => {
      const bytes = Buffer.concat(list.map(([type, payload]) => encodeFrame(type, payload)));
      const decoder = new FrameDecoder(names);
      const decoded = split(bytes, cuts).flatMap((chunk) => decoder.push(chunk));
      assert.deepEqual(
        decoded.map(({ type, payload }) => [type, Buffer.from(payload).toString('hex')]),
        list.map(([type, payload]) => [type, Buffer.from(payload).toString('hex')]),
      );
      assert.equal(decoder.pendingBytes, 0);
    }),
    { numRuns: roundsOf({ brief: 40, full: 500 }) },
  );
});

test('a stream of single bytes is decoded', () => {
  const bytes = Buffer.concat([encodeFrame('ARGV', Buffer.from('g++\0')), encodeFrame('BYE')]);
  const decoder = new FrameDecoder(names);
  const decoded = [...bytes].flatMap((byte) => decoder.push(Uint8Array.of(byte)));
  assert.deepEqual(
    decoded.map(({ type }) => type),
    ['ARGV', 'BYE'],
  );
});

test('random bytes and damaged frames end in nothing but a FrameError, and nothing over the limit is kept', () => {
  const damage = fc.array(fc.tuple(fraction, fc.nat(255)), { maxLength: 6 });
  fc.assert(
    fc.property(frames, damage, fc.uint8Array({ maxLength: 64 }), (list, flips, noise) => {
      const bytes = Buffer.concat([...list.map(([type, payload]) => encodeFrame(type, payload)), noise]);
      for (const [at, value] of flips)
        if (bytes.length > 0) bytes[Math.floor(at * (bytes.length - 1))] = value;
      const decoder = new FrameDecoder(names, 1_000);
      try {
        for (const chunk of split(bytes, [0.3, 0.7])) decoder.push(chunk);
      } catch (error) {
        assert.ok(error instanceof FrameError, String(error));
      }
      assert.ok(decoder.pendingBytes <= bytes.length);
    }),
    { numRuns: roundsOf({ brief: 120, full: 500 }) },
  );
});

test('a length over the limit is refused by its header, before its payload comes', () => {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(0xffff_ffff, 0);
  header[4] = frameTypes.STDOUT;
  assert.throws(() => new FrameDecoder(names).push(header), FrameError);
  header.writeUInt32LE(65_537, 0);
  header[4] = frameTypes.ARGV;
  assert.throws(() => new FrameDecoder(['ARGV'], 65_536).push(header), /over its limit of 65536/u);
});

test('a type that has no place here is refused', () => {
  assert.throws(() => new FrameDecoder(['ARGV']).push(encodeFrame('BYE')), /BYE has no place/u);
});

test('a payload over its limit is not encoded, and data is cut into frames that fit', () => {
  assert.throws(() => encodeFrame('SIGNAL', raw(Buffer.alloc(3))), FrameError);
  const data = Buffer.alloc(150_000, 7);
  const decoder = new FrameDecoder(['STDOUT']);
  const parts = encodeData('STDOUT', data).flatMap((part) => decoder.push(part));
  assert.deepEqual(Buffer.concat(parts.map(({ payload }) => payload)), data);
});

test('a frame that comes in crumbs holds its own bytes, not the packets that they came in', () => {
  const decoder = new FrameDecoder(['ARGV']);
  const frame = encodeFrame('ARGV', Buffer.alloc(60_000, 1));
  const before = process.memoryUsage().arrayBuffers;
  for (const byte of frame.subarray(0, 4_000)) {
    const packet = new Uint8Array(64 * 1024);
    packet[0] = byte;
    decoder.push(packet.subarray(0, 1));
  }
  assert.equal(decoder.pendingBytes, 4_000);
  const [whole] = decoder.push(frame.subarray(4_000));
  assert.deepEqual(whole?.payload, frame.subarray(5));
  assert.ok(process.memoryUsage().arrayBuffers - before < 128 * 2 ** 20);
});
