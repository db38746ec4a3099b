/** The figures of `status` in the text format of Prometheus. */
import type { Status } from '../../wire/cli-messages.ts';

/** Loads the library at the first call: most peers are never asked. */
export async function renderMetrics(status: Status): Promise<string> {
  // Its `default`: it is no ES module, and by that name bundled code finds it as well.
  const {
    default: { Counter, Gauge, Registry },
  } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];
  const count = (name: string, help: string, value: number): void =>
    new Counter({ name: `buildswarm_${name}`, help, registers }).inc(value);
  const { jobs, self, peers } = status;
  const done = new Counter({
    name: 'buildswarm_jobs_done_total',
    help: 'Jobs of this machine that have run, by where.',
    labelNames: ['place'],
    registers,
  });
  done.inc({ place: 'remote' }, jobs.remote);
  done.inc({ place: 'inline' }, jobs.inline);
  count('jobs_failed_total', 'Jobs that ended on a worker with another status than 0.', jobs.failed);
  count('attempts_retried_total', 'Attempts on workers that came to nothing.', jobs.retried);
  const open = new Gauge({
    name: 'buildswarm_jobs',
    help: 'Jobs of this machine that have not ended, by state.',
    labelNames: ['state'],
    registers,
  });
  open.set({ state: 'running' }, jobs.running);
  open.set({ state: 'queued' }, jobs.queued);
  const decisions = new Counter({
    name: 'buildswarm_decisions_total',
    help: 'Decisions other than to run elsewhere at once, by reason.',
    labelNames: ['reason'],
    registers,
  });
  for (const { reason, count: times } of status.reasons) decisions.inc({ reason }, times);
  const states = new Gauge({
    name: 'buildswarm_peers',
    help: 'Other peers that this one sees, by state.',
    labelNames: ['state'],
    registers,
  });
  for (const state of ['ready', 'suspect', 'refusing'] as const)
    states.set({ state }, peers.filter((peer) => peer.state === state).length);
  const perPeer = (name: string, help: string) =>
    new Gauge({ name: `buildswarm_peer_${name}`, help, labelNames: ['peer', 'id'], registers });
  const slots = perPeer('slots', 'Slots of a peer that works for this one, and of this one.');
  const running = perPeer('running', 'Jobs that run there, of all submitters.');
  const free = perPeer('memory_free_bytes', 'Memory that is free there.');
  // What others say of themselves counts only if they may work for this peer.
  for (const peer of [self, ...peers.filter(({ state }) => state === 'ready')]) {
    const labels = { peer: peer.name, id: peer.id };
    slots.set(labels, peer.slots);
    running.set(labels, peer.running);
    free.set(labels, peer.memoryFreeBytes);
  }
  const { user, system } = process.cpuUsage();
  count('process_cpu_seconds_total', 'CPU time of the peer itself.', (user + system) / 1e6);
  new Gauge({ name: 'buildswarm_process_resident_bytes', help: 'Memory of the peer itself.', registers }).set(
    process.memoryUsage.rss(),
  );
  return await registry.metrics();
}
