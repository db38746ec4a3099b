/** Puts together what the doctor finds, as the peer sees it. */
import { dirname } from 'node:path';
import { toText } from '../../../wire/bytes.ts';
import type { Reply, Status } from '../../../wire/cli-messages.ts';
import type { Parts } from '../../parts.ts';
import { fault, well } from './finding.ts';
import { machineFindings } from './machine-findings.ts';
import { shareFindings } from './share-findings.ts';
import { swarmFindings } from './swarm-findings.ts';

/** Warnings of the peer that a check of its own tells of. */
const toldElsewhere = /^(?:multicast does not|this machine (?:compiles|runs) nothing)/;

/**
 * @param status - as `status` shows it now.
 * @param directory - where the user is.
 */
export async function examine(parts: Parts, status: Status, directory: string): Promise<Reply<'doctor'>> {
  const { settings, sightings, swarm, neighbours, gossip, trees, cannotTrace, warnings, version } = parts;
  const ids = neighbours.ids();
  const names = new Map(ids.map((id) => [id, gossip.reportOf(id)?.name ?? id]));
  const isServed = status.peers.some(({ ways }) => ways.includes('served'));
  const [machine, share] = await Promise.all([
    machineFindings({
      slots: settings.slots,
      memoryFreeBytes: status.self.memoryFreeBytes,
      directories: new Map([
        ['temporary files', '/tmp'],
        ['socket and log', dirname(settings.socketPath)],
        ['files of other machines', settings.cacheDirectory],
      ]),
      servingObstacle: trees.obstacle(),
      cannotTrace,
      warnings: [...warnings].filter((text) => !toldElsewhere.test(text)),
    }),
    shareFindings({ ...parts, names, isServed }, directory).catch((error: unknown) => [
      fault('share', `cannot be looked at: ${String(error)}`, 'see what the other lines say'),
    ]),
  ]);
  const user = process.getuid?.() ?? 0;
  const findings = [
    well('peer', `runs as user ${user}, process ${process.pid}, on ${swarm.addresses().join(' ')}`),
    ...swarmFindings({
      isMulticastUsed: settings.mdns,
      sightings,
      nowMs: parts.now(),
      peers: status.peers,
      versions: new Map(ids.map((id) => [id, gossip.reportOf(id)?.version ?? version])),
      otherVersions: swarm.otherVersions(),
      ownVersion: version,
    }),
    ...share,
    ...machine,
  ];
  return { findings, shares: parts.members.joined.map(({ root }) => toText(root)) };
}
