/** What `buildswarm top` shows, line by line: no line is longer than the terminal is wide. Pure. */
import stringWidth from 'string-width';
import type { Moment, Run } from '../../web/messages.ts';
import { bytesText, durationText, rateText, timeOfDay } from '../../web/words.ts';
import type { PeerStatus } from '../../wire/cli-messages.ts';

export type Style = 'title' | 'head' | 'mine' | 'others' | 'idle' | 'faint' | 'fault';

export interface TopInput {
  readonly moment: Moment;
  readonly running: readonly Run[];
  /** Jobs of this machine that ended there in the last second, by the id of the peer. */
  readonly rates: ReadonlyMap<string, number>;
  readonly columns: number;
  /** Lines, at most. */
  readonly rows: number;
  readonly nowMs: number;
  readonly paint: (style: Style, text: string) => string;
}

/** Lines besides the parts of which there may be many. */
const fixedLines = 7;
const mostReasons = 5;

export function renderTop(input: TopInput): string[] {
  const { moment, running, columns, rows, paint } = input;
  const { build, status } = moment;
  const here = build.here.slice(0, Math.min(mostReasons, Math.max(1, Math.floor(rows / 8))));
  const room = Math.max(2, rows - fixedLines - here.length);
  const peers = [status.self, ...status.peers];
  const wanted = Math.max(1, running.length + (underWay(input) > 0 ? 1 : 0));
  // Each part has what the other leaves, and half at least.
  const peerLines = Math.min(peers.length, Math.max(Math.ceil(room / 2), room - wanted));
  const runLines = Math.max(0, room - peerLines);
  const width = barWidth(columns);
  const name = nameWidth(columns);
  const lines = [
    ...headLines(input),
    '',
    paint('head', fit(peerHead(name, width), columns)),
    ...cut(peers, peerLines, 'machines').map((peer) =>
      typeof peer === 'string' ? paint('faint', peer) : peerLine(peer, input, name, width),
    ),
    '',
    paint('head', fit(`${'SECONDS'.padStart(9)}  ${pad('WORKER', name)}  FILE`, columns)),
    ...runningLines(input, peers, runLines, name),
  ];
  const reasons = here.map(({ reason, count, meaning, cure }) =>
    fit(
      `${String(count).padStart(9)}  ${reason}: ${cure === undefined ? meaning : `${meaning}; ${cure}`}`,
      columns,
    ),
  );
  const free = Math.max(0, rows - lines.length - reasons.length - 1);
  return [
    ...lines,
    ...Array<string>(free).fill(''),
    paint(
      'head',
      fit(reasons.length === 0 ? 'NO JOB OF THIS BUILD RAN HERE' : '     HERE  BECAUSE', columns),
    ),
    ...reasons,
  ].slice(0, rows);
}

function headLines({ moment, columns, nowMs, paint }: TopInput): string[] {
  const { status, sample, build, gain, advisedJobs, hosted } = moment;
  const { jobs } = status;
  const here = build.here.reduce((total, { count }) => total + count, 0);
  const figures =
    `: ${rateText(sample.jobsPerSecond)} jobs/s, ${sample.slotsUsed} of ${sample.slots} slots used, ` +
    `${jobs.running} running, ${jobs.queued} queued; -j${advisedJobs}`;
  // Of a long name less is lost than of the figures behind it.
  const first = fit(status.self.name, Math.max(8, columns - 10 - figures.length)) + figures;
  const time = timeOfDay(nowMs);
  const buildText = (than: string): string => {
    const gained = gain === undefined ? '' : `; ${gain.toFixed(1)} × ${than}`;
    return `build: ${build.jobs} jobs, ${build.elsewhere} elsewhere, ${here} here${gained}; ${jobs.retried} retried, ${jobs.failed} failed`;
  };
  const whole = buildText('this machine alone');
  const others =
    hosted.length === 0
      ? ''
      : `; for others: ${hosted.map((one) => `${one.jobs} ${one.submitter}`).join(', ')}`;
  return [
    `${paint('title', pad(fit(first, columns - 10), columns - 9))} ${time}`,
    fit(`${whole.length <= columns ? whole : buildText('alone')}${others}`, columns),
  ];
}

function barWidth(columns: number): number {
  return Math.max(10, Math.min(64, columns - nameWidth(columns) - 44));
}

function nameWidth(columns: number): number {
  return columns < 100 ? 16 : 24;
}

function peerHead(name: number, bar: number): string {
  return `${pad('MACHINE', name)}  ${pad('SLOTS: # MINE + OTHERS', bar)}${'USED'.padStart(8)}${'QUEUED'.padStart(8)}${'LOAD'.padStart(6)}${'FREE'.padStart(10)}${'JOBS/S'.padStart(8)}`;
}

function peerLine(peer: PeerStatus, input: TopInput, name: number, width: number): string {
  const { running, rates, columns, moment, paint } = input;
  const mine = running.filter((run) => run.peer === peer.id).length;
  const isSelf = peer.id === moment.status.self.id;
  const title = pad(fit(isSelf ? `${fit(peer.name, name - 5)} (me)` : peer.name, name), name);
  if (!isSelf && peer.state !== 'ready') {
    const text = fit(`${title}  ${peer.state}: ${peer.reasons.join('; ')}`, columns);
    return paint('faint', text);
  }
  const used = `${peer.running}/${peer.slots}`.padStart(8);
  const rest = `${used}${String(peer.queued).padStart(8)}${peer.load.toFixed(1).padStart(6)}${bytesText(peer.memoryFreeBytes).padStart(10)}${rateText(rates.get(peer.id) ?? 0).padStart(8)}`;
  return `${title}  ${bar(peer, mine, width, paint)}${fit(rest, columns - name - 2 - width)}`;
}

/** A character a slot; where there are more than fit, a part of them each. */
function bar({ slots, running }: PeerStatus, mine: number, width: number, paint: TopInput['paint']): string {
  const scale = slots > width ? width / slots : 1;
  const cells = Math.round(slots * scale);
  const own = Math.min(cells, Math.round(Math.min(mine, running) * scale));
  const others = Math.min(cells - own, Math.round(Math.max(0, running - mine) * scale));
  const idle = cells - own - others;
  return `${paint('mine', '#'.repeat(own))}${paint('others', '+'.repeat(others))}${paint('idle', '.'.repeat(idle))}${' '.repeat(width - cells)}`;
}

/** Jobs that the status counts among those that run: their commands have not begun yet, or have ended. */
function underWay({ moment, running }: TopInput): number {
  return Math.max(0, moment.status.jobs.running - running.length);
}

function runningLines(input: TopInput, peers: readonly PeerStatus[], most: number, name: number): string[] {
  const { running, columns, nowMs, paint } = input;
  const away = underWay(input);
  if (most <= 0) return [];
  if (running.length + away === 0) return [paint('faint', fit('no job of this machine runs', columns))];
  const text = `${String(away).padStart(9)}  on the way to a worker, or home with what they wrote`;
  const last = away === 0 ? [] : [paint('faint', fit(text, columns))];
  const names = new Map(peers.map((peer) => [peer.id, peer.name]));
  const longest = running.toSorted((a, b) => a.fromMs - b.fromMs);
  const lines = cut(longest, most - last.length, 'jobs').map((run) => {
    if (typeof run === 'string') return paint('faint', fit(run, columns));
    const where = pad(fit(names.get(run.peer) ?? 'gone', name), name);
    return fit(`${durationText(nowMs - run.fromMs).padStart(9)}  ${where}  ${run.title}`, columns);
  });
  return [...lines, ...last];
}

/** As many as fit; the last line says how many do not. */
function cut<T>(items: readonly T[], most: number, noun: string): (T | string)[] {
  if (items.length <= most) return [...items];
  if (most <= 0) return [];
  return [...items.slice(0, most - 1), `… and ${items.length - most + 1} more ${noun}`];
}

/** No wider than so many columns: letters may take two. */
function fit(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text;
  let width = 0;
  let kept = '';
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += stringWidth(segment);
    if (width > columns - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - stringWidth(text)));
}
