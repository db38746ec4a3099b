/** Where wrappers and commands look for the peer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { socketPath, socketPaths } from '../../../src/wire/socket-path.ts';

test('the socket lies where the environment says, else in the run-time directory, else below /tmp', () => {
  assert.equal(socketPath({ BUILDSWARM_SOCKET: '/x/y', XDG_RUNTIME_DIR: '/run/user/7' }, 7), '/x/y');
  assert.equal(socketPath({ XDG_RUNTIME_DIR: '/run/user/7' }, 7), '/run/user/7/buildswarm/peer.sock');
  assert.equal(socketPath({}, 7), '/tmp/buildswarm-7/peer.sock');
});

test('a peer is looked for where one that was given other variables would listen', () => {
  assert.deepEqual(socketPaths({ BUILDSWARM_SOCKET: '/x/y', XDG_RUNTIME_DIR: '/run/user/7' }, 7), ['/x/y']);
  const both = ['/run/user/7/buildswarm/peer.sock', '/tmp/buildswarm-7/peer.sock'];
  assert.deepEqual(socketPaths({ XDG_RUNTIME_DIR: '/run/user/7' }, 7), both);
  assert.deepEqual(socketPaths({}, 7), both);
  assert.deepEqual(socketPaths({ XDG_RUNTIME_DIR: '/x' }, 7), ['/x/buildswarm/peer.sock', ...both]);
});
