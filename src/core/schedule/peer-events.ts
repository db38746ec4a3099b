/** Peers that come, fall silent and go. */
import type { LoadReport } from '../load-report.ts';
import type { PeerName } from './contract.ts';
import type { DispatcherState } from './dispatcher-state.ts';
import { touch } from './dispatcher-state.ts';
import { createPeerRecord, takeReport } from './peer-record.ts';
import { unask } from './placement.ts';
import { abandon, fence } from './routing.ts';

export function addPeer(state: DispatcherState, report: LoadReport, nowMs: number): void {
  const old = state.peers.get(report.id);
  if (old !== undefined) {
    if (old.report.incarnation >= report.incarnation) {
      old.suspect = false;
      takeReport(old, report);
      touch(state, old);
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
  if (takeReport(peer, report)) touch(state, peer);
}

export function suspectPeer(state: DispatcherState, name: PeerName, nowMs: number): void {
  const peer = state.peers.get(name);
  if (peer === undefined) return;
  peer.suspect = true;
  touch(state, peer);
  for (const job of peer.mine) {
    const record = state.jobs.get(job);
    if (record?.demand.rewritable === true) abandon(state, record, nowMs);
  }
}

export function losePeer(state: DispatcherState, name: PeerName, nowMs: number, graceMs?: number): void {
  const peer = state.peers.get(name);
  if (peer === undefined) return;
  peer.suspect = true;
  for (const job of peer.mine) {
    const record = state.jobs.get(job);
    if (record?.attempt === undefined) continue;
    if (record.demand.rewritable) abandon(state, record, nowMs);
    else fence(state, record, record.attempt, nowMs, graceMs);
  }
  unask(state, peer);
  state.peers.delete(name);
  touch(state, peer);
}
