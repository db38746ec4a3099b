import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderMetrics } from '../../../../src/peer/explain/metrics.ts';
import type { PeerStatus, Status } from '../../../../src/wire/cli-messages.ts';

const peer: PeerStatus = {
  id: 'a',
  name: 'lab"1"\n',
  addresses: [],
  slots: 4,
  running: 3,
  queued: 0,
  load: 0,
  memoryFreeBytes: 5,
  ageMs: 1,
  rttMs: 0.3,
  state: 'ready',
  reasons: [],
  ways: ['direct'],
  doneForMe: 0,
  doneByMe: 0,
};
const status: Status = {
  version: '1',
  self: { ...peer, id: 'me', name: 'me' },
  peers: [peer, { ...peer, id: 'stranger', name: 'stranger', slots: 4_000, state: 'refusing' }],
  jobs: { running: 2, queued: 7, done: 12, remote: 9, inline: 3, failed: 1, retried: 4 },
  reasons: [{ reason: 'own-slot', count: 3, meaning: '' }],
  warnings: [],
};

test('figures of status are told as Prometheus reads them, without those of peers that do not work for this one', async () => {
  const text = await renderMetrics(status);
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  for (const line of [
    'buildswarm_jobs_done_total{place="remote"} 9',
    'buildswarm_jobs_done_total{place="inline"} 3',
    'buildswarm_jobs{state="queued"} 7',
    'buildswarm_attempts_retried_total 4',
    'buildswarm_decisions_total{reason="own-slot"} 3',
    'buildswarm_peers{state="refusing"} 1',
    'buildswarm_peer_slots{peer="lab\\"1\\"\\n",id="a"} 4',
  ])
    assert.ok(lines.includes(line), `${line} is not in\n${text}`);
  assert.ok(!text.includes('stranger'));
  assert.match(text, /^# TYPE buildswarm_jobs_done_total counter$/m);
});
