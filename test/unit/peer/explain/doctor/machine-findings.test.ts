import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeFinding } from '../../../../../src/peer/explain/doctor/machine-findings.ts';

test('a Node that needs more CPU than a newer one is noted, with what to do', () => {
  const { state, text, cure } = nodeFinding('20.19.1');
  assert.equal(state, 'note');
  assert.match(`${text}; ${cure}`, /Node 20\.19\.1: on Node 24 .* BUILDSWARM_NODE/);
  for (const version of ['24.0.0', '26.12.1']) assert.equal(nodeFinding(version).state, 'ok');
});
