/** Peers that come, report, fall silent and go. */
import type { LoadReport } from '../load-report.ts';
import type { PeerName } from './contract.ts';
import { type DispatcherState, hearPeer, movePeer, touch } from './dispatcher-state.ts';
import {
  countKeptSlot,
  createPeerRecord,
  endRefusals,
  type PeerRecord,
  reportedRoom,
  takeReport,
} from './peer-record.ts';
import { ask, placesAny } from './placement.ts';
import { abandon, fence } from './routing.ts';

export function addPeer(state: DispatcherState, report: LoadReport, nowMs: number): void {
  const old = state.peers.get(report.id);
  if (old !== undefined) {
    if (old.report.incarnation >= report.incarnation) {
      // It has just shown whose it is, and knows this peer.
      for (const [kind, { code }] of old.refusals) if (code === 'not-member') old.refusals.delete(kind);
      touch(state, old);
      hearPeer(state, old, 'word');
      hearReport(state, old, report);
      return;
    }
    losePeer(state, report.id, nowMs);
  }
  const record = createPeerRecord(report);
  state.peers.set(report.id, record);
  touch(state, record);
}

export function learn(state: DispatcherState, report: LoadReport): void {
  const peer = state.peers.get(report.id);
  // Another life of the peer counts when its connection is up, not when others talk of it.
  if (peer === undefined || report.incarnation !== peer.report.incarnation) return;
  hearReport(state, peer, report);
}

/** Takes a report in if it is newer, and ends the refusals that it is an answer to. */
export function hearReport(
  state: DispatcherState,
  peer: PeerRecord,
  report: LoadReport | undefined,
): boolean {
  if (report === undefined || !takeReport(peer, report)) return false;
  endRefusals(peer);
  if (reportedRoom(peer) > 0) hearPeer(state, peer, 'room');
  touch(state, peer);
  return true;
}

/** A slot there is kept for us. */
export function hearFree(state: DispatcherState, report: LoadReport): void {
  const peer = state.peers.get(report.id);
  if (peer === undefined) return;
  hearReport(state, peer, report);
  hearPeer(state, peer, 'free');
}

/** Every `free` is answered: by an offer and the number of jobs that still wait, 0 if none, so that no slot is kept for nobody. */
export function answerFree(state: DispatcherState, name: PeerName, nowMs: number): void {
  const peer = state.peers.get(name);
  if (peer === undefined) return;
  if (peer.stage === 'closed' && placesAny(state, peer, nowMs)) return ask(state, peer, nowMs);
  if (peer.stage === 'granted') countKeptSlot(peer);
  if (peer.stage === 'closed' || peer.stage === 'granted') movePeer(state, peer, 'rest');
  state.actions.push({ type: 'want', peer: name, jobs: 0 });
}

export function suspectPeer(state: DispatcherState, name: PeerName, nowMs: number): void {
  const peer = state.peers.get(name);
  if (peer === undefined || !hearPeer(state, peer, 'silence')) return;
  for (const job of peer.mine) {
    const record = state.jobs.get(job);
    if (record?.demand.rewritable === true) abandon(state, record, nowMs);
  }
}

export function losePeer(state: DispatcherState, name: PeerName, nowMs: number, graceMs?: number): void {
  const peer = state.peers.get(name);
  if (peer === undefined) return;
  movePeer(state, peer, 'lose');
  for (const job of peer.mine) {
    const record = state.jobs.get(job);
    if (record?.placement === undefined) continue;
    if (record.demand.rewritable) abandon(state, record, nowMs);
    else fence(state, record, record.placement, nowMs, graceMs);
  }
  state.peers.delete(name);
}
