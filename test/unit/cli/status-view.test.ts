import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderStatus } from '../../../src/cli/status-view.ts';
import type { PeerStatus, Status } from '../../../src/wire/cli-messages.ts';

const peer: PeerStatus = {
  id: '12D3KooW',
  name: 'a-machine-with-a-very-long-name.example.org',
  addresses: [],
  slots: 128,
  running: 128,
  queued: 33,
  load: 127.5,
  memoryFreeBytes: 999 * 2 ** 30,
  ageMs: 1,
  rttMs: 1234,
  state: 'refusing',
  reasons: [
    'toolchain: gcc is gcc (Debian 12.2.0-14+deb12u1) 12.2.0 here, and gcc (Debian 13.1.0-1) 13.1.0 there',
  ],
  ways: ['direct', 'served'],
  doneForMe: 99_999,
  doneByMe: 99_999,
};
const status: Status = {
  version: '1',
  self: { ...peer, state: 'ready', reasons: [] },
  peers: [peer],
  jobs: {
    running: 300,
    queued: 1_000,
    done: 100_000,
    remote: 90_000,
    inline: 10_000,
    failed: 10,
    retried: 100,
  },
  reasons: [{ reason: 'own-slot', count: 10_000, meaning: 'a sentence that goes on and on '.repeat(5) }],
  warnings: [`a sentence that goes on and on, with a path: ${'/a-long-name'.repeat(10)}, and ends`],
};

test('whatever there is to be told fits 80 columns, but for words that are longer', () => {
  const lines = renderStatus(status).split('\n');
  const long = lines.filter((line) => line.length > 80);
  assert.deepEqual(long, [`    ${'/a-long-name'.repeat(10)},`]);
});

test('nothing of a sentence is lost where it is broken', () => {
  const whole = renderStatus(status).replaceAll(/\n {4}/g, ' ');
  for (const sentence of [...peer.reasons, ...status.warnings, '100000 done (90000 remote, 10000 inline'])
    assert.ok(whole.includes(sentence), sentence);
});

test('peers that nothing binds to this one so far are named, with how to make them known', () => {
  const strangers = ['lab1', 'lab2'].map(
    (name): PeerStatus => ({ ...peer, name, state: 'ready', reasons: [], ways: [] }),
  );
  assert.match(renderStatus({ ...status, peers: strangers }), /^lab1, lab2: not known .*`buildswarm invite/m);
  assert.doesNotMatch(
    renderStatus({ ...status, peers: [{ ...peer, state: 'ready', reasons: [] }] }),
    /invite/,
  );
});
