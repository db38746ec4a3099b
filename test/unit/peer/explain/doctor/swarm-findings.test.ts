import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SwarmSight, swarmFindings } from '../../../../../src/peer/explain/doctor/swarm-findings.ts';
import type { PeerStatus } from '../../../../../src/wire/cli-messages.ts';

const peer: PeerStatus = {
  id: 'a',
  name: 'lab1',
  addresses: [],
  slots: 4,
  running: 0,
  queued: 0,
  load: 0,
  memoryFreeBytes: 1,
  ageMs: 1,
  rttMs: 0.3,
  state: 'ready',
  reasons: [],
  ways: ['direct'],
  doneForMe: 0,
  doneByMe: 0,
};
const sight: SwarmSight = {
  isMulticastUsed: true,
  sightings: {
    queries: 3,
    answers: 2,
    inbound: 1,
    noRoute: undefined,
    turnedAway: 0,
    dropped: 0,
    lastFlooder: undefined,
  },
  nowMs: 100_000,
  peers: [peer],
  versions: new Map([['a', '1']]),
  otherVersions: [],
  ownVersion: '1',
};

function lines(changes: Partial<SwarmSight>): string[] {
  return swarmFindings({ ...sight, ...changes })
    .filter(({ state }) => state !== 'ok')
    .map(({ state, check, text, cure }) => `${state} ${check}: ${text}; ${cure ?? '-'}`);
}

test('a swarm in order gives no fault and no note', () => {
  assert.deepEqual(lines({}), []);
});

test('silent multicast is a fault only where somebody was there to answer', () => {
  const sightings = { ...sight.sightings, answers: 0 };
  assert.match(
    lines({ sightings })[0] ?? '',
    /^fault multicast: 3 queries sent, 0 .* though peers are there; let UDP port 5353/,
  );
  const alone = lines({ sightings, peers: [] });
  assert.match(alone[0] ?? '', /^note multicast: 3 queries sent/);
  assert.match(alone[1] ?? '', /^fault peers: no other peer is connected; start one/);
  assert.match(lines({ isMulticastUsed: false })[0] ?? '', /^note multicast: switched off/);
  const blocked = { ...sight.sightings, noRoute: 'no route' };
  assert.match(
    lines({ sightings: blocked })[0] ?? '',
    /^fault multicast: does not leave this machine: no route; as root: ip/,
  );
  const forbidden = { ...sight.sightings, noRoute: 'send EPERM 224.0.0.251:5353' };
  assert.match(lines({ sightings: forbidden })[0] ?? '', /EPERM.*; let UDP port 5353/);
});

test('a peer that is not used is told of with its own words, and the cure of their code', () => {
  const refusing = (reason: string, state: PeerStatus['state'] = 'refusing') =>
    lines({ peers: [{ ...peer, state, reasons: [reason] }] })[0] ?? '';
  assert.match(
    refusing('toolchain: gcc is 13 here, and 14 there'),
    /^fault peer lab1: takes no jobs: toolchain: gcc .*; install the same packages/,
  );
  assert.match(refusing('toolchain: gcc is 13', 'ready'), /does not take all jobs/);
  assert.match(
    refusing('owner-active'),
    /^note peer lab1: takes no jobs: owner-active; wait, or end what else runs on that machine; .*`--slots 0`/,
  );
  assert.match(refusing('leaving'), /^note peer lab1: takes no jobs: leaving; start that peer again/);
  assert.match(refusing('its file belongs to user 7'), /^fault peer lab1: .*SECURITY/);
  assert.match(lines({ peers: [{ ...peer, state: 'suspect' }] })[0] ?? '', /^fault peer lab1: is silent/);
  assert.match(
    lines({ peers: [{ ...peer, slots: 0 }] })[0] ?? '',
    /^note peer lab1: has no slots for others; start that peer again with more --slots/,
  );
});

test('a peer that nothing binds to this one is not said to take jobs, and invite is named', () => {
  assert.match(
    lines({ peers: [{ ...peer, ways: [] }] })[0] ?? '',
    /^note peer lab1: has not shown .*; make it known .*`buildswarm invite HOST`/,
  );
  assert.match(
    lines({ peers: [{ ...peer, state: 'refusing', reasons: ['not-member: unknown'] }] })[0] ?? '',
    /^fault peer lab1: takes no jobs: not-member: .*`buildswarm invite HOST`/,
  );
});

test('other versions, and connections that only go out, are named', () => {
  const foreign = { id: 'b', addresses: ['/ip4/10.0.0.7/tcp/1'], version: '7' };
  assert.match(
    lines({ otherVersions: [foreign], peers: [peer, { ...peer, id: 'b' }] })[0] ?? '',
    /^fault version: \/ip4\/10\.0\.0\.7\/tcp\/1 speaks version 7, this peer 1; install the same/,
  );
  assert.match(lines({ versions: new Map([['a', '2']]) })[0] ?? '', /^note version: lab1 is 2, this peer 1/);
  const sightings = { ...sight.sightings, inbound: 0 };
  assert.match(lines({ sightings })[0] ?? '', /^note dial back: /);
});

test('strangers that flood are a fault while they do, and worth a note afterwards', () => {
  const flooded = (atMs: number) =>
    lines({
      sightings: { ...sight.sightings, turnedAway: 28, dropped: 3, lastFlooder: { who: '10.0.0.9', atMs } },
    })[0] ?? '';
  assert.match(
    flooded(90_000),
    /^fault strangers: 28 connections .* 3 messages .* the last of 10\.0\.0\.9 10 s ago; look what runs there/,
  );
  assert.match(flooded(20_000), /^note strangers: .* 80 s ago/);
});
