import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routesMulticast } from '../../../../src/swarm/finding/multicast-route.ts';

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';

test('a default route or one for the group carries multicast', () => {
  assert.ok(routesMulticast(`${head}eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n`));
  assert.ok(routesMulticast(`${head}lo\t000000E0\t00000000\t0001\t0\t0\t0\t000000F0\t0\t0\t0\n`));
});

test('a route to the own network only, none at all, one that is down or rejects, carries none', () => {
  assert.ok(!routesMulticast(`${head}eth0\t0000630A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n`));
  assert.ok(!routesMulticast(head));
  assert.ok(!routesMulticast(''));
  assert.ok(!routesMulticast(`${head}lo\t00000000\t00000000\t0000\t0\t0\t0\t00000000\t0\t0\t0\n`));
  assert.ok(!routesMulticast(`${head}*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n`));
});
