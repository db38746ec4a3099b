/** What the doctor finds of the swarm: how peers are found, and why one of them is not used. Pure. */
import { cures } from '../../../core/cure.ts';
import { isReason } from '../../../core/reason.ts';
import type { OtherVersionPeer } from '../../../swarm/contract.ts';
import type { Finding, PeerStatus } from '../../../wire/cli-messages.ts';
import { fault, remark, well } from './finding.ts';

/** Later, a flood is worth a note only. */
const floodIsOverMs = 60_000;

export interface SwarmSight {
  readonly isMulticastUsed: boolean;
  readonly sightings: {
    readonly queries: number;
    readonly answers: number;
    readonly inbound: number;
    readonly noRoute: string | undefined;
    readonly turnedAway: number;
    readonly dropped: number;
    readonly lastFlooder: { readonly who: string; readonly atMs: number } | undefined;
  };
  readonly nowMs: number;
  readonly peers: readonly PeerStatus[];
  readonly versions: ReadonlyMap<string, string>;
  readonly otherVersions: readonly OtherVersionPeer[];
  readonly ownVersion: string;
}

export function swarmFindings(sight: SwarmSight): Finding[] {
  const { peers, otherVersions } = sight;
  const met = peers.filter(({ id }) => !otherVersions.some((other) => other.id === id));
  return [
    ...multicast(sight, met.length),
    ...connections(sight, met.length),
    ...flood(sight),
    ...met.map((peer) => peerFinding(peer)),
    ...versions(sight, met),
  ];
}

function multicast({ isMulticastUsed, sightings }: SwarmSight, peers: number): Finding[] {
  const check = 'multicast';
  const { queries, answers, noRoute } = sightings;
  if (!isMulticastUsed)
    return [
      remark(
        check,
        'switched off: peers are found by --peer, by their files in a share and through each other',
      ),
    ];
  const cure = 'let UDP port 5353 to 224.0.0.251 through firewalls and switches, or name a peer with --peer';
  if (noRoute !== undefined) {
    // As the kernel says it of what a firewall forbids.
    const isForbidden = /EPERM|EACCES/.test(noRoute);
    const route = 'as root: ip route add 224.0.0.0/4 dev INTERFACE';
    return [fault(check, `does not leave this machine: ${noRoute}`, isForbidden ? cure : route)];
  }
  const seen = `${queries} queries sent, ${answers} answers of other peers heard`;
  if (answers > 0) return [well(check, seen)];
  // Alone, nobody would answer.
  return [
    peers > 0 && queries > 0 ? fault(check, `${seen}, though peers are there`, cure) : remark(check, seen),
  ];
}

function connections({ sightings: { inbound } }: SwarmSight, peers: number): Finding[] {
  const none = fault(
    'peers',
    'no other peer is connected',
    'start one on another machine with `buildswarm start`; where multicast does not reach it, name its address with --peer',
  );
  if (peers === 0) return [none];
  return [
    well('peers', `${peers} connected`),
    inbound > 0
      ? well('dial back', `other machines have opened ${inbound} connections to this one`)
      : remark(
          'dial back',
          'no other machine has opened a connection to this one; this one has dialled them all',
          'where machines do not find each other, let TCP in to the port of --listen',
        ),
  ];
}

/** Those who connect or speak too often; what they cost is bounded, but they take turns that honest peers need. */
function flood({ sightings: { turnedAway, dropped, lastFlooder }, nowMs }: SwarmSight): Finding[] {
  if (lastFlooder === undefined) return [];
  const agoMs = nowMs - lastFlooder.atMs;
  const text = `${turnedAway} connections were turned away and ${dropped} messages dropped of strangers that flood this peer, the last of ${lastFlooder.who} ${Math.round(agoMs / 1000)} s ago`;
  const cure = 'look what runs there; let your own machines alone reach the port of --listen';
  return [agoMs < floodIsOverMs ? fault('strangers', text, cure) : remark('strangers', text, cure)];
}

function peerFinding({ name, state, reasons, ways, slots, rttMs }: PeerStatus): Finding {
  const check = `peer ${name}`;
  if (state === 'suspect')
    return fault(
      check,
      'is silent: it does not answer beats',
      'look whether its machine is up and its process runs, and is not stopped or frozen',
    );
  if (reasons.length === 0 && ways.length === 0)
    return remark(check, 'has not shown so far that it is yours, so it takes no jobs', cures['not-member']);
  if (reasons.length === 0)
    return slots > 0
      ? well(check, `takes jobs, ${slots} slots, ${rttMs} ms away`)
      : remark(check, 'has no slots for others', 'start that peer again with more --slots');
  const [code = ''] = (reasons[0] ?? '').split(':');
  const known = isReason(code) ? cures[code] : undefined;
  const text = `${state === 'ready' ? 'does not take all jobs' : 'takes no jobs'}: ${reasons.join('; ')}`;
  if (code === 'owner-active' || code === 'leaving') return remark(check, text, known);
  return fault(
    check,
    text,
    known ?? 'see docs/SECURITY.md: who is you on the shared tree is used, nobody else',
  );
}

function versions(
  { versions: said, otherVersions, ownVersion }: SwarmSight,
  met: readonly PeerStatus[],
): Finding[] {
  const cure = 'install the same version of buildswarm everywhere, and start the peers again';
  const differing = met.filter(({ id }) => (said.get(id) ?? ownVersion) !== ownVersion);
  const foreign = otherVersions.map(({ id, version, addresses }) =>
    fault(
      'version',
      `${addresses[0] ?? id} speaks ${version === '' ? 'another version' : `version ${version}`}, this peer ${ownVersion}`,
      cure,
    ),
  );
  const mixed = differing.map(({ id, name }) =>
    remark('version', `${name} is ${said.get(id) ?? '?'}, this peer ${ownVersion}`, cure),
  );
  return foreign.length + mixed.length > 0 ? [...foreign, ...mixed] : [well('version', ownVersion)];
}
