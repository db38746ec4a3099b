import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate } from '../../../../src/swarm/libp2p/gate.ts';

function admitted(gate: Gate, addresses: readonly string[]): number {
  return addresses.filter((address) => gate.admit(address)).length;
}
const times = (count: number, address: string) => Array.from({ length: count }, () => address);

test('a host that connects again and again is held to two handshakes a second, others are not', () => {
  let nowMs = 0;
  const gate = new Gate(() => nowMs);
  assert.equal(admitted(gate, times(100, '10.0.0.9')), 12);
  assert.equal(admitted(gate, times(1, '::ffff:10.0.0.9')), 0, 'the same host by another spelling');
  assert.equal(admitted(gate, times(5, '10.0.0.8')), 5);
  nowMs = 10_000;
  assert.equal(admitted(gate, times(100, '10.0.0.9')), 12);
  nowMs = 11_000;
  assert.equal(admitted(gate, times(100, '10.0.0.9')), 2);
});

test('many hosts together are held too, and this machine itself is not', () => {
  const gate = new Gate(() => 0);
  const many = Array.from({ length: 1000 }, (_, index) => `fd00::${index.toString(16)}`);
  assert.equal(admitted(gate, many), 256);
  assert.equal(admitted(gate, times(1000, '127.0.0.1')), 1000);
});

test('a host has 64 connections at a time', () => {
  let nowMs = 0;
  const gate = new Gate(() => nowMs);
  for (let at = 0; at < 64; at += 1) gate.opened('10.0.0.9');
  assert.ok(!gate.admit('10.0.0.9'));
  gate.closed('10.0.0.9');
  nowMs += 1_000;
  assert.ok(gate.admit('10.0.0.9'));
});

test('a host that has offended may not connect for a minute, others may', () => {
  let nowMs = 0;
  const gate = new Gate(() => nowMs);
  assert.ok(gate.admit('10.0.0.9'));
  gate.offended('::ffff:10.0.0.9');
  gate.offended('127.0.0.1');
  assert.equal(admitted(gate, times(100, '10.0.0.9')), 0);
  assert.equal(admitted(gate, ['10.0.0.8', '127.0.0.1']), 2);
  nowMs = 59_000;
  assert.equal(admitted(gate, times(100, '10.0.0.9')), 0);
  nowMs = 60_000;
  assert.equal(admitted(gate, times(100, '10.0.0.9')), 12);
});
