/** Rules that hold for the books of a machine. */
import type { SimPeer } from '../sim-peer.ts';

/** Nothing of a job is left here. */
export function checkIdle({ id, world, runner, shells }: SimPeer): void {
  const { own, host, submitter, watched } = shells;
  const { dispatcher, worker } = own;
  world.demand(
    runner.processes.size === 0 && worker.jobs.size === 0 && worker.queue.size === 0,
    'I9',
    () => `${id} keeps ${worker.jobs.size} jobs`,
  );
  world.demand(host.size === 0 && host.pids.length === 0, 'I24', () => `${id} keeps jobs of others`);
  world.demand(submitter.size === 0, 'I24', () => `${id} keeps jobs of its own`);
  world.demand(
    [...watched.values()].every((jobs) => jobs === 0),
    'I24',
    () => `${id} watches others for nothing`,
  );
  world.demand(dispatcher.jobs.size === 0, 'I24', () => `${id} keeps ${dispatcher.jobs.size} jobs`);
  world.demand(
    dispatcher.queue.size === 0 && dispatcher.inlineQueue.length === 0,
    'I24',
    () => `${id} keeps a queue`,
  );
  world.demand(
    dispatcher.ownHeld === 0 && dispatcher.inlineJobs === 0 && dispatcher.remoteJobs === 0,
    'I24',
    () => `${id} counts jobs that are gone`,
  );
  world.demand(dispatcher.recalls === 0, 'I24', () => `${id} waits for ${dispatcher.recalls} recalls`);
  world.demand(dispatcher.deadlines.items.length === 0, 'I24', () => `${id} keeps deadlines`);
  world.demand(
    worker.line.waiters.size === 0 && worker.line.reservations.size === 0,
    'I24',
    () => `${id} keeps a line`,
  );
  let asked = 0;
  for (const peer of dispatcher.peers.values()) {
    world.demand(
      peer.mine.size === 0 && peer.known === 0 && peer.waiting.size === 0,
      'I10',
      () => `${id} has ${peer.mine.size}, ${peer.known} jobs at ${peer.name}`,
    );
    if (peer.stage === 'asked' || peer.stage === 'closed') asked += 1;
  }
  world.demand(
    asked === dispatcher.askedPeers,
    'I24',
    () => `${id} asked ${asked} peers and counts ${dispatcher.askedPeers}`,
  );
}

/** Own books of jobs in flight agree; after any event. */
export function checkBooks({ id, world, shells }: SimPeer): void {
  const { dispatcher } = shells.own;
  let live = 0;
  for (const [job, record] of dispatcher.jobs) {
    if (record.placement === undefined) continue;
    live += 1;
    const peer = dispatcher.peers.get(record.placement.peer);
    const booked = peer?.mine.has(job) ?? false;
    world.demand(
      booked === (record.stage !== 'fenced'),
      'I10',
      () => `${id}: job ${job} is not on the books of ${record.placement?.peer}`,
    );
  }
  world.demand(
    live === dispatcher.remoteJobs,
    'I10',
    () => `${id} counts ${dispatcher.remoteJobs} remote jobs, has ${live}`,
  );
}
