/** Renders the swarm for people: one row a peer, 80 columns. Pure. */
import { prefetchRoom } from '../core/schedule/peer-record.ts';
import type { PeerStatus, Status } from '../wire/cli-messages.ts';

/** The table that `buildswarm status` prints, without a newline at its end. */
export function renderStatus(status: Status): string {
  const all = [status.self, ...status.peers];
  // This peer's own slots are there whether it takes jobs of others or not.
  const usable = [status.self, ...status.peers.filter((peer) => peer.state === 'ready')];
  const used = sum(usable, (peer) => peer.running);
  const slots = sum(usable, (peer) => peer.slots);
  const { jobs } = status;
  const lines = [
    row(['PEER', 'SLOTS', 'QUEUED', 'LOAD', 'FREE MEM', 'RTT', 'FOR ME', 'BY ME', 'STATE']),
    ...all.map((peer, index) => peerRow(peer, index === 0)),
    '',
    `${count(all.length, 'peer')}, ${used} of ${count(slots, 'slot')} used; build with -j${jobsToUse(status)}`,
    wrap(
      `jobs: ${jobs.running} running, ${jobs.queued} queued, ${jobs.done} done (${jobs.remote} remote, ${jobs.inline} inline, ${jobs.failed} failed, ${jobs.retried} retried)`,
    ),
  ];
  for (const [way, meaning] of Object.entries(ways)) {
    const names = status.peers.filter((peer) => peer.ways.includes(way as keyof typeof ways));
    if (names.length > 0)
      lines.push(wrap(`${way} (${meaning}): ${names.map(({ name }) => clip(name, 20)).join(', ')}`));
  }
  for (const peer of all) {
    if (peer.reasons.length > 0) lines.push(wrap(`${clip(peer.name, 20)}: ${peer.reasons.join('; ')}`));
  }
  const unproven = status.peers.filter(
    (peer) => peer.state === 'ready' && peer.ways.length === 0 && peer.reasons.length === 0,
  );
  if (unproven.length > 0)
    lines.push(wrap(`${unproven.map(({ name }) => clip(name, 20)).join(', ')}: ${notProven}`));
  if (status.reasons.length > 0) {
    lines.push('', 'not simply remote:');
    for (const { reason, count: times, meaning } of status.reasons.slice(0, 8)) {
      lines.push(clip(`${String(times).padStart(7)} ${reason.padEnd(17)} ${meaning}`, columns));
    }
  }
  for (const warning of status.warnings) lines.push('', wrap(`note: ${warning}`));
  return lines.join('\n');
}

const ways = {
  direct: 'in a directory tree that both see',
  served: 'in the files of this machine, which are shown there',
} as const;

/** Of peers that are there, and of which it is not decided whether they work for this one. */
const notProven =
  'not known to be yours so far: `buildswarm invite HOST` makes a machine known; one that shares a tree with this one is known by the first job there';

/** How many jobs the swarm takes now: its slots, and what the other peers accept beyond theirs so that none idles. */
export function jobsToUse(status: Status): number {
  const own = status.self.state === 'ready' ? status.self.slots : 0;
  const others = status.peers.filter((peer) => peer.state === 'ready');
  return Math.max(1, own + sum(others, ({ slots }) => slots + prefetchRoom(slots)));
}

function peerRow(peer: PeerStatus, self: boolean): string {
  return row([
    self ? `${clip(peer.name, 13)} (me)` : clip(peer.name, 18),
    `${peer.running}/${peer.slots}`,
    String(peer.queued),
    peer.load.toFixed(1),
    bytes(peer.memoryFreeBytes),
    self ? '-' : `${peer.rttMs < 10 ? peer.rttMs.toFixed(1) : Math.round(peer.rttMs)} ms`,
    self ? '-' : String(peer.doneForMe),
    self ? '-' : String(peer.doneByMe),
    peer.state,
  ]);
}

const columns = 80;
const widths = [18, 7, 6, 5, 8, 7, 6, 6, 8];

function row(cells: readonly string[]): string {
  return cells
    .map((cell, index) =>
      index === 0 || index === cells.length - 1
        ? cell.padEnd(widths[index] ?? 0)
        : cell.padStart(widths[index] ?? 0),
    )
    .join(' ')
    .trimEnd();
}

function bytes(value: number): string {
  const gib = value / 2 ** 30;
  return gib >= 1 ? `${gib.toFixed(1)} GiB` : `${Math.round(value / 2 ** 20)} MiB`;
}

/** Breaks a sentence between words; what follows the first line is indented. */
function wrap(sentence: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of sentence.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= columns || line.trim() === '') {
      line = longer;
      continue;
    }
    lines.push(line);
    line = `    ${word}`;
  }
  return [...lines, line].join('\n');
}

function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

function count(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? '' : 's'}`;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
