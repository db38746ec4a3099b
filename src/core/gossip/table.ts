/**
 * The table of load reports, and whom to tell what of it.
 *
 * Reports are merged by (incarnation, sequence), the higher wins, so any order, loss or repetition of messages ends in
 * the same table. A peer alone makes its own reports: what others say of us is dropped.
 */
import { BoundedMap } from '../bounded-map.ts';
import type { LoadReport } from '../load-report.ts';
import { createRandom, nextInteger, type RandomState } from '../random.ts';

/** The part of a report that changes; the table numbers it. */
export type LoadFigures = Omit<LoadReport, 'id' | 'incarnation' | 'sequence'>;

interface Entry {
  report: LoadReport;
  /** When it was heard, by this machine's clock. */
  heardAtMs: number;
  /** From whom; it need not be told. */
  from: string;
  /** Number of the table's change that brought it. */
  change: number;
}

export interface Table {
  /** In the order of their last change. */
  readonly entries: Map<string, Entry>;
  own: LoadReport;
  ownAtMs: number;
  /** Own figures as they were last spread. */
  ownSpread: LoadFigures;
  ownChange: number;
  changes: number;
  /** Up to which change each neighbour was told. */
  readonly told: Map<string, number>;
  readonly random: RandomState;
  toldAtMs: number;
  /** Not all neighbours have heard of an own change after which they would decide otherwise: the next round comes soon. */
  urgent: boolean;
  /** Number of that change. */
  urgentChange: number;
  /** Rounds that follow at the quick pace, since something of weight changed here or elsewhere. */
  quickRounds: number;
}

/** Peers kept at most; of more, those unheard of for longest go first. */
export const maximumPeers = 1_024;
/** Reports in one message at most. */
export const maximumReports = 256;
/** Neighbours told in one round. */
const fanOut = 3;
export const roundMs = 1_000;
/** While nothing of weight changes in the whole swarm: idle machines are left in peace. */
export const restRoundMs = 4_000;
/** A change is told in so many rounds at the quick pace, after which with great probability all know of it. */
const quickRounds = 3;
/** The least time between two rounds where something urgent changed; more for each peer, as in a large swarm something always does. */
const urgentRoundMs = 200;
const urgentRoundPerPeerMs = 4;
/** Own figures are told again after this time even if nothing changed. */
export const refreshMs = 30_000;
/** A peer without news for so long is forgotten. */
export const expiryMs = 120_000;

/** @param options.self - the first own report. @param options.seed - seeds the choice of neighbours. */
export function createTable(options: { readonly self: LoadReport; readonly seed?: number }): Table {
  return {
    entries: new BoundedMap(maximumPeers),
    own: options.self,
    ownAtMs: Number.NEGATIVE_INFINITY,
    ownSpread: options.self,
    ownChange: 1,
    changes: 1,
    told: new Map(),
    random: createRandom(options.seed ?? 0),
    toldAtMs: Number.NEGATIVE_INFINITY,
    urgent: true,
    urgentChange: 1,
    quickRounds,
  };
}

/**
 * This peer's report with these figures: what every reply must carry. Its sequence rises with each change of a figure;
 * gossip takes it up only if the change is of weight to others, or the last news is old.
 */
export function ownReport(table: Table, figures: LoadFigures, nowMs: number): LoadReport {
  if (differs(table.own, figures)) {
    const { id, incarnation, sequence } = table.own;
    table.own = { ...figures, id, incarnation, sequence: sequence + 1 };
  }
  if (isSignificant(table.ownSpread, figures)) {
    const urgent = isUrgent(table.ownSpread, figures);
    table.quickRounds = quickRounds;
    spreadOwn(table, nowMs);
    if (urgent) {
      table.urgent = true;
      table.urgentChange = table.ownChange;
    }
  }
  return table.own;
}

function spreadOwn(table: Table, nowMs: number): void {
  table.ownSpread = table.own;
  table.ownAtMs = nowMs;
  table.changes += 1;
  table.ownChange = table.changes;
}

/**
 * Takes reports of others.
 *
 * @param from - the peer that sent them.
 * @returns those that were newer than what was known.
 */
export function mergeReports(
  table: Table,
  reports: readonly LoadReport[],
  from: string,
  nowMs: number,
): LoadReport[] {
  const news: LoadReport[] = [];
  for (const report of reports) {
    if (report.id === table.own.id) continue;
    const entry = table.entries.get(report.id);
    if (entry !== undefined && !isNewerReport(report, entry.report)) continue;
    table.changes += 1;
    if (entry === undefined || isSignificant(entry.report, report)) table.quickRounds = quickRounds;
    // The order of the map is the order of change: the one without news for longest is the first.
    table.entries.set(report.id, { report, heardAtMs: nowMs, from, change: table.changes });
    news.push(report);
  }
  return news;
}

export function isNewerReport(report: LoadReport, than: LoadReport): boolean {
  return (
    report.incarnation > than.incarnation ||
    (report.incarnation === than.incarnation && report.sequence > than.sequence)
  );
}

export interface GossipMessage {
  readonly to: string;
  readonly reports: LoadReport[];
}

/** When {@link tell} has something to do next (ms, the same clock). */
export function nextTellMs(table: Table): number {
  const urgentMs = urgentRoundMs + urgentRoundPerPeerMs * table.entries.size;
  if (table.urgent) return table.toldAtMs + Math.min(urgentMs, roundMs);
  return table.toldAtMs + (table.quickRounds > 0 ? roundMs : restRoundMs);
}

/**
 * What to send now: to three neighbours by chance, what changed since each was last told, the own report always, at
 * most 256 reports each. Nothing to a neighbour for whom nothing changed. Empty before {@link nextTellMs}.
 *
 * @param neighbours - ids of the peers that are connected.
 */
export function tell(table: Table, nowMs: number, neighbours: readonly string[]): GossipMessage[] {
  if (nowMs < nextTellMs(table)) return [];
  table.toldAtMs = nowMs;
  table.quickRounds = Math.max(0, table.quickRounds - 1);
  if (nowMs - table.ownAtMs >= refreshMs) refreshOwn(table, nowMs);
  const messages: GossipMessage[] = [];
  for (const to of pickListeners(table, neighbours)) {
    const reports = newsFor(table, to);
    if (reports.length > 0) messages.push({ to, reports });
  }
  return messages;
}

/** Nothing changed for long: a new number shows others that these figures hold still. */
function refreshOwn(table: Table, nowMs: number): void {
  table.own = { ...table.own, sequence: table.own.sequence + 1 };
  spreadOwn(table, nowMs);
}

function newsFor(table: Table, to: string): LoadReport[] {
  const told = table.told.get(to) ?? 0;
  const reports: LoadReport[] = [];
  let upTo = told;
  if (told < table.changes) {
    for (const [id, entry] of table.entries) {
      if (entry.change <= told) continue;
      if (reports.length >= maximumReports - 1) break;
      upTo = entry.change;
      if (id !== to && entry.from !== to) reports.push(entry.report);
    }
  }
  const ownIsNews = table.ownChange > told;
  if (reports.length < maximumReports - 1) upTo = table.changes;
  else table.quickRounds = quickRounds;
  table.told.delete(to);
  table.told.set(to, upTo);
  if (reports.length > 0 || ownIsNews) reports.push(table.own);
  return reports;
}

/** Three by chance; first of those that have not heard of an urgent change yet. */
function pickListeners(table: Table, neighbours: readonly string[]): string[] {
  const isBehind = (id: string): boolean => (table.told.get(id) ?? 0) < table.urgentChange;
  const behind = table.urgent ? neighbours.filter(isBehind) : [];
  const picked = pick(behind, fanOut, table.random);
  table.urgent = behind.length > picked.length;
  if (picked.length === fanOut) return picked;
  const rest = neighbours.filter((id) => !picked.includes(id));
  return [...picked, ...pick(rest, fanOut - picked.length, table.random)];
}

function pick(neighbours: readonly string[], count: number, random: RandomState): string[] {
  const rest = [...neighbours];
  const picked: string[] = [];
  while (picked.length < count && rest.length > 0) {
    const [id] = rest.splice(nextInteger(random, rest.length), 1);
    if (id !== undefined) picked.push(id);
  }
  return picked;
}

/** Forgets peers without news, and neighbours that are no longer. Now and then, for example each round. @returns the forgotten. */
export function sweepTable(table: Table, nowMs: number, neighbours: readonly string[]): string[] {
  const gone: string[] = [];
  for (const [id, entry] of table.entries) {
    // In the order of change, so the rest is younger.
    if (nowMs - entry.heardAtMs <= expiryMs) break;
    table.entries.delete(id);
    gone.push(id);
  }
  const connected = new Set(neighbours);
  for (const id of table.told.keys()) if (!connected.has(id)) table.told.delete(id);
  return gone;
}

export function reportOf(table: Table, id: string): LoadReport | undefined {
  return id === table.own.id ? table.own : table.entries.get(id)?.report;
}

function differs(a: LoadFigures, b: LoadFigures): boolean {
  return (
    a.running !== b.running ||
    a.queued !== b.queued ||
    a.slots !== b.slots ||
    a.load !== b.load ||
    a.memoryFreeBytes !== b.memoryFreeBytes ||
    a.speed !== b.speed ||
    a.name !== b.name ||
    a.version !== b.version ||
    changesPlace(a, b)
  );
}

function changesPlace(a: LoadFigures, b: LoadFigures): boolean {
  return a.state !== b.state || !equalLists(a.reasons, b.reasons) || !equalLists(a.addresses, b.addresses);
}

const MiB = 1024 * 1024;

function isSignificant(a: LoadFigures, b: LoadFigures): boolean {
  const jobs = Math.abs(a.running + a.queued - b.running - b.queued);
  const memory = Math.abs(a.memoryFreeBytes - b.memoryFreeBytes);
  return (
    isUrgent(a, b) ||
    jobs * 10 >= Math.max(1, b.slots) ||
    Math.abs(a.load - b.load) >= 0.5 ||
    Math.abs(a.speed - b.speed) * 10 >= b.speed ||
    memory > Math.max(256 * MiB, a.memoryFreeBytes / 10) ||
    a.name !== b.name ||
    a.version !== b.version
  );
}

/** Slots came, went or fell free, or all of them are taken: others would now decide otherwise. */
function isUrgent(a: LoadFigures, b: LoadFigures): boolean {
  const freeBefore = freeSlots(a);
  const free = freeSlots(b);
  return a.slots !== b.slots || free > freeBefore || (free === 0 && freeBefore > 0) || changesPlace(a, b);
}

function freeSlots({ slots, running, queued }: LoadFigures): number {
  return Math.max(0, slots - running - queued);
}

function equalLists(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((item, at) => item === b[at]));
}
