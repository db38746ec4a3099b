/** What the doctor finds of shares: is the directory in one, how is it mounted, who sees it, what does its clock say. */
import type { PeerName } from '../../../core/schedule/contract.ts';
import type { Disk } from '../../../share/disk.ts';
import { type Mount, readMounts } from '../../../share/mounts.ts';
import { shareClockMs } from '../../../share/share-clock.ts';
import type { Shares } from '../../../share/shares.ts';
import { fromText, toText } from '../../../wire/bytes.ts';
import type { Finding } from '../../../wire/cli-messages.ts';
import type { Membership } from '../../trust/membership.ts';
import { fault, remark, well } from './finding.ts';

export interface ShareSight {
  readonly shares: Shares;
  readonly members: Membership;
  readonly disk: Disk;
  /** Connected peers, by id. */
  readonly names: ReadonlyMap<PeerName, string>;
  /** Whether some peer runs jobs in the files of this machine. */
  readonly isServed: boolean;
}

const shareCure =
  'make other machines known to this one with `buildswarm invite HOST`; where they share a tree with it, work there, or say so with `buildswarm share DIR`';

/** A clock that is off by less explains nothing. */
const clockSlackMs = 2_000;

/** @param directory - absolute text; where the doctor was called. */
export async function shareFindings(sight: ShareSight, directory: string): Promise<Finding[]> {
  // What was found before may have changed: that is why the user asks.
  sight.shares.forget();
  const found = await sight.shares.find(fromText(directory));
  const mounts = readMounts();
  const findings = nocto(mounts);
  if (!found.ok) {
    findings.push(
      sight.isServed
        ? remark('share', `${found.why}; jobs there go to machines that are shown this one's files`)
        : fault('share', `${found.why}, and no other machine is shown this one's files`, shareCure),
    );
    return findings;
  }
  const { root, mount } = found.share;
  const server = mount.isNetwork ? `, from ${toText(mount.source)}` : '';
  findings.push(
    well(
      'share',
      `${directory} is in ${toText(root)} (${mount.fsType}${server}); jobs there use it directly`,
    ),
  );
  findings.push(...(await clock(sight, root)), ...(await members(sight, root)));
  return findings;
}

function nocto(mounts: readonly Mount[]): Finding[] {
  return mounts
    .filter(({ isNetwork, nocto: isNocto }) => isNetwork && isNocto)
    .map(({ mountPoint }) =>
      fault(
        'mount options',
        `${toText(mountPoint)} is mounted nocto: files of other machines would be read stale, so it is not used`,
        'mount it without nocto',
      ),
    );
}

async function clock({ disk }: ShareSight, root: string): Promise<Finding[]> {
  const beforeMs = Date.now();
  try {
    const shareMs = await shareClockMs(disk, root);
    const offMs = shareMs < beforeMs ? shareMs - beforeMs : Math.max(0, shareMs - Date.now());
    if (Math.abs(offMs) <= clockSlackMs) return [well('clock', 'agrees with that of the share')];
    const ahead = offMs < 0 ? 'ahead of' : 'behind';
    return [
      fault(
        'clock',
        `this machine is ${(Math.abs(offMs) / 1000).toFixed(1)} s ${ahead} the file server: make builds too much or too little`,
        'run an NTP client on both machines',
      ),
    ];
  } catch (error) {
    return [
      fault(
        'share writable',
        `nothing can be written in ${toText(root)}: ${String(error)}`,
        'make room there, and look at the mount and at the mode of .buildswarm (0700)',
      ),
    ];
  }
}

async function members({ members: membership, names }: ShareSight, root: string): Promise<Finding[]> {
  const own = await membership.joinedTo(root);
  if (!own.ok && !membership.hasJoined(root))
    return [
      remark('member files', 'this peer has not joined the share yet; it does with the first job there'),
    ];
  if (!own.ok)
    return [
      fault('member files', own.why, 'make the share writable for this user, then start the peer again'),
    ];
  const found: string[] = [];
  const findings: Finding[] = [];
  for (const [peer, name] of names) {
    const answer = await membership.check(root, peer);
    if (answer.ok) found.push(name);
    else
      findings.push(
        fault(
          'member files',
          `${name} is not seen in this share: ${answer.why}`,
          'start that peer as the same user, with the same tree mounted at the same path',
        ),
      );
  }
  if (found.length > 0)
    findings.unshift(well('member files', `the same share is seen by ${found.join(', ')}`));
  return findings;
}
