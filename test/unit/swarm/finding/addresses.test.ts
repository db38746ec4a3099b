import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  announced,
  byPromise,
  isDialable,
  nearby,
  withoutPeer,
} from '../../../../src/swarm/finding/addresses.ts';

test('the identity is cut off an address', () => {
  assert.equal(withoutPeer('/ip4/10.0.0.1/tcp/1/p2p/12D3KooWx'), '/ip4/10.0.0.1/tcp/1');
  assert.equal(withoutPeer('/ip4/10.0.0.1/tcp/1'), '/ip4/10.0.0.1/tcp/1');
});

test('only TCP addresses are dialled, whatever a stranger sends', () => {
  for (const address of ['/ip4/10.0.0.1/tcp/1', '/ip6/fd00::1/tcp/65535', '/dns4/build7/tcp/4001']) {
    assert.ok(isDialable(address), address);
  }
  for (const address of [
    '',
    '/ip4/10.0.0.1',
    '/ip4/300.0.0.1/tcp/1',
    '/ip4/10.0.0.1/udp/1',
    '/unix/tmp/x',
    'http://x',
    `/dns4/${'x'.repeat(300)}/tcp/1`,
  ]) {
    assert.ok(!isDialable(address), address);
  }
});

test('loopback is told to others only where there is nothing else, and tried last', () => {
  const [loop, outside] = ['/ip4/127.0.0.1/tcp/1', '/ip4/10.0.0.1/tcp/1'] as const;
  assert.deepEqual(announced([`${loop}/p2p/x`, outside, outside]), [outside]);
  assert.deepEqual(announced([loop]), [loop]);
  assert.deepEqual(byPromise([loop, '/ip6/fd00::1/tcp/1', 'garbage', outside]), [
    outside,
    '/ip6/fd00::1/tcp/1',
    loop,
  ]);
});

test('hearsay never leads to names, nor to hosts beyond the networks of this machine', () => {
  for (const address of [
    '/dns4/build7/tcp/4001',
    '/ip4/203.0.113.7/tcp/22',
    '/ip6/2001:db8::1/tcp/22',
    '/ip4/x/tcp/1',
    '',
  ])
    assert.deepEqual(nearby([address]), [], address);
  // But where a peer is connected from, it may be.
  assert.deepEqual(nearby(['/ip4/203.0.113.7/tcp/22'], '/ip4/203.0.113.7/tcp/5'), [
    '/ip4/203.0.113.7/tcp/22',
  ]);
});
