/**
 * The hello: the first frame of a control stream, both ways. A peer counts only after it; libp2p's dial succeeds
 * even where the other end is about to close.
 */
import type { LoadReport } from '../core/load-report.ts';

/** Of everything said on the control and job streams; peers with another number are shown and left alone. */
export const protocolNumber = 1;

/** What a peer says of itself when it is met. */
export interface Hello {
  /** Of the program, e.g. 0.1.0; for people. */
  readonly version: string;
  readonly report: LoadReport;
  /** What it knows of shares; the caller's to parse. */
  readonly shares: readonly unknown[];
}

export interface ReceivedHello extends Hello {
  readonly protocol: number;
}

export function encodeHello(hello: Hello): Buffer {
  return Buffer.from(JSON.stringify({ protocol: protocolNumber, ...hello }), 'utf8');
}

/**
 * @param id - whom noise proved to be at the other end; its report must be its own.
 * @throws Error that says what is wrong with it.
 */
export function parseHello(payload: Uint8Array, id: string): ReceivedHello {
  const value: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
  if (!isRecord(value)) throw new Error('the hello is no object');
  const { protocol, version, report, shares } = value;
  if (typeof protocol !== 'number') throw new Error('the hello names no protocol');
  if (typeof version !== 'string' || version.length > 64) throw new Error('the hello names no version');
  if (protocol !== protocolNumber) {
    // Nothing more is known of the shapes of another protocol.
    return { protocol, version, report: strangerReport(id, version), shares: [] };
  }
  if (!isRecord(report) || report['id'] !== id) throw new Error('the hello has no load report of its sender');
  if (!Array.isArray(shares) || shares.length > 256) throw new Error('the hello has no list of shares');
  return { protocol, version, report: parseReport(report, id), shares };
}

function parseReport(value: Record<string, unknown>, id: string): LoadReport {
  const state = value['state'];
  if (state !== 'ready' && state !== 'refusing') throw new Error('the load report has no known state');
  return {
    id,
    incarnation: quantity(value, 'incarnation'),
    sequence: quantity(value, 'sequence'),
    name: text(value, 'name', 256),
    version: text(value, 'version', 64),
    addresses: texts(value, 'addresses', 16, 256),
    slots: quantity(value, 'slots'),
    running: quantity(value, 'running'),
    queued: quantity(value, 'queued'),
    load: quantity(value, 'load'),
    memoryFreeBytes: quantity(value, 'memoryFreeBytes'),
    speed: quantity(value, 'speed'),
    state,
    reasons: texts(value, 'reasons', 32, 64),
  };
}

function strangerReport(id: string, version: string): LoadReport {
  return {
    id,
    incarnation: 0,
    sequence: 0,
    name: '',
    version,
    addresses: [],
    slots: 0,
    running: 0,
    queued: 0,
    load: 0,
    memoryFreeBytes: 0,
    speed: 1,
    state: 'refusing',
    reasons: ['version'],
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function quantity(record: Record<string, unknown>, key: string): number {
  const value = record[key];
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new Error(`the load report's ${key} is no number`);
  }
  return value;
}

function text(record: Record<string, unknown>, key: string, maxLength: number): string {
  const value = record[key];
  if (typeof value !== 'string' || value.length > maxLength)
    throw new Error(`the load report's ${key} is no text`);
  return value;
}

function texts(record: Record<string, unknown>, key: string, maxItems: number, maxLength: number): string[] {
  const value = record[key];
  if (
    !Array.isArray(value) ||
    value.length > maxItems ||
    !value.every((item): item is string => typeof item === 'string' && item.length <= maxLength)
  ) {
    throw new Error(`the load report's ${key} is no list of texts`);
  }
  return value;
}
