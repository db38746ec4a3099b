/** What peers say on the control stream of a pair. The meaning stands in docs/PROTOCOL.md. */
import * as v from 'valibot';
import { FrameError, frameLimits, type Payload } from './frame.ts';
import {
  maxCacheMs,
  maxCheckLength,
  maxFindings,
  maxReports,
  maxShares,
  maxTextLength,
  maxVersionLength,
} from './limits.ts';
import { encodeU32, encodeU64, parseU32, parseU64 } from './numbers.ts';
import {
  bytes32,
  count,
  encodeJson,
  listOf,
  machineName,
  parseJson,
  path,
  signature,
  text,
  type ValueOf,
  type WireOf,
} from './schema.ts';
import { factSchema, loadReportSchema, packFact, version } from './values.ts';

// HELLO

/** Of everything said on the control and job streams; peers with another number are shown and left alone. */
export const protocolNumber = 2;

/** All that is known of the hello of a peer that speaks another protocol. */
const anyHelloSchema = v.object({
  protocol: count,
  version: v.pipe(v.string(), v.maxLength(maxVersionLength)),
});
const helloSchema = v.object({
  protocol: v.literal(protocolNumber),
  version,
  report: loadReportSchema,
  /** It answers EXAMINE; older peers would take that for garbage. */
  examines: v.optional(v.boolean()),
});

/** What a peer says of itself to one that it meets. */
export type Hello = Omit<ValueOf<typeof helloSchema>, 'protocol'>;

export interface ReceivedHello {
  /** Of the program, e.g. 0.1.0; for people. */
  readonly version: string;
  /** Undefined if its sender speaks another protocol. */
  readonly hello: Hello | undefined;
}

export function encodeHello(hello: Hello): Payload<'HELLO'> {
  const wire: WireOf<typeof helloSchema> = { protocol: protocolNumber, ...hello };
  return encodeJson<'HELLO'>(wire);
}

/**
 * @param id - whom noise proved to be at the other end; the load report must be its own.
 * @throws FrameError that says what is wrong with it.
 */
export function parseHello(payload: Uint8Array, id: string): ReceivedHello {
  const any = parseJson('HELLO', anyHelloSchema, payload);
  if (any.protocol !== protocolNumber) return { version: any.version, hello: undefined };
  const { protocol: _, ...hello } = parseJson('HELLO', helloSchema, payload);
  if (hello.report.id !== id) throw new FrameError('a HELLO message has the load report of another peer');
  return { version: hello.version, hello };
}

// BEAT, BEAT_ACK

export function encodeBeat(beat: number): Payload<'BEAT'> {
  return encodeU64(beat);
}
export function parseBeat(payload: Uint8Array): number {
  return parseU64('BEAT', payload);
}
export function encodeBeatAck(beat: number): Payload<'BEAT_ACK'> {
  return encodeU64(beat);
}
export function parseBeatAck(payload: Uint8Array): number {
  return parseU64('BEAT_ACK', payload);
}

// GOSSIP

const gossipSchema = v.object({ reports: listOf(loadReportSchema, maxReports) });
export type Gossip = ValueOf<typeof gossipSchema>;

export function encodeGossip(gossip: Gossip): Payload<'GOSSIP'> {
  return encodeJson<'GOSSIP'>(gossip satisfies WireOf<typeof gossipSchema>);
}
export function parseGossip(payload: Uint8Array): Gossip {
  return parseJson('GOSSIP', gossipSchema, payload);
}

// WANT, FREE

/** @param jobs - how many wait for a slot there; 0: none any more. */
export function encodeWant(jobs: number): Payload<'WANT'> {
  return encodeU32(jobs);
}
export function parseWant(payload: Uint8Array): number {
  return parseU32('WANT', payload);
}

const freeSchema = v.object({ report: loadReportSchema });
export type Free = ValueOf<typeof freeSchema>;

export function encodeFree(free: Free): Payload<'FREE'> {
  return encodeJson<'FREE'>(free satisfies WireOf<typeof freeSchema>);
}
export function parseFree(payload: Uint8Array): Free {
  return parseJson('FREE', freeSchema, payload);
}

// SHARES

const shareSchema = v.object({
  root: path,
  /** How long the kernel there believes attributes. */
  cacheMaxMs: v.pipe(count, v.maxValue(maxCacheMs)),
  /** It judges directories by their times alone (NFSv3). */
  timesOnly: v.boolean(),
  /** What the sender sees of its own member file: compared, it tells which fields of facts agree. */
  member: factSchema,
  /** The receiver's member file was found there: the sender takes its jobs. */
  seen: v.boolean(),
});
const sharesSchema = v.object({ shares: listOf(shareSchema, maxShares) });
export type Shares = ValueOf<typeof sharesSchema>;

/** Of many shares, as many of the last ones as fit into the frame. */
export function encodeShares({ shares }: Shares): Payload<'SHARES'> {
  const fitting: WireOf<typeof shareSchema>[] = [];
  let roomBytes = frameLimits.SHARES - '{"shares":[]}'.length;
  for (const share of shares.slice(-maxShares).toReversed()) {
    const wire: WireOf<typeof shareSchema> = { ...share, member: packFact(share.member) };
    const sizeBytes = Buffer.byteLength(JSON.stringify(wire)) + 1;
    if (sizeBytes > roomBytes) continue;
    roomBytes -= sizeBytes;
    fitting.unshift(wire);
  }
  const wire: WireOf<typeof sharesSchema> = { shares: fitting };
  return encodeJson<'SHARES'>(wire);
}
export function parseShares(payload: Uint8Array): Shares {
  return parseJson('SHARES', sharesSchema, payload);
}

// KNOWN

const knownSchema = v.object({
  key: bytes32,
  /** By that key, of both PeerIds: the sender's machine speaks to the receiver's, and to no other. */
  signature,
  /** The receiver's machine is known to the sender's. */
  seen: v.boolean(),
});
export type Known = ValueOf<typeof knownSchema>;

export function encodeKnown(known: Known): Payload<'KNOWN'> {
  return encodeJson<'KNOWN'>(known satisfies WireOf<typeof knownSchema>);
}
export function parseKnown(payload: Uint8Array): Known {
  return parseJson('KNOWN', knownSchema, payload);
}

// PAIR

const pairSchema = v.variant('step', [
  /** A hash of what the sender will reveal. */
  v.object({ step: v.literal('commit'), commitment: bytes32 }),
  v.object({ step: v.literal('reveal'), nonce: bytes32, key: bytes32, name: machineName }),
  /** The user has seen the same digits on both screens; or it comes to nothing. */
  v.object({ step: v.picklist(['confirm', 'end']) }),
]);
export type Pair = ValueOf<typeof pairSchema>;

export function encodePair(pair: Pair): Payload<'PAIR'> {
  return encodeJson<'PAIR'>(pair satisfies WireOf<typeof pairSchema>);
}
export function parsePair(payload: Uint8Array): Pair {
  return parseJson('PAIR', pairSchema, payload);
}

// EXAMINE, EXAMINED

const examineSchema = v.object({
  /** Of the sender's choice: the answer has it too. */
  question: count,
  /** Absolute; where the user of the sender is. */
  directory: path,
});
export type Examine = ValueOf<typeof examineSchema>;

export function encodeExamine(examine: Examine): Payload<'EXAMINE'> {
  return encodeJson<'EXAMINE'>(examine satisfies WireOf<typeof examineSchema>);
}
export function parseExamine(payload: Uint8Array): Examine {
  return parseJson('EXAMINE', examineSchema, payload);
}

const findingSchema = v.object({
  check: v.pipe(v.string(), v.maxLength(maxCheckLength)),
  state: v.picklist(['ok', 'note', 'fault']),
  text,
  cure: v.optional(text),
});
const examinedSchema = v.object({
  question: count,
  findings: listOf(findingSchema, maxFindings),
});
export type Examined = ValueOf<typeof examinedSchema>;

/** Words that are too long are cut; of too many findings the first ones are told. */
export function encodeExamined({ question, findings }: Examined): Payload<'EXAMINED'> {
  const told = findings.slice(0, maxFindings).map(({ check, state, text: said, cure }) => ({
    check: check.slice(0, maxCheckLength),
    state,
    text: said.slice(0, maxTextLength),
    ...(cure === undefined ? {} : { cure: cure.slice(0, maxTextLength) }),
  }));
  const wire: WireOf<typeof examinedSchema> = { question, findings: told };
  return encodeJson<'EXAMINED'>(wire);
}
export function parseExamined(payload: Uint8Array): Examined {
  return parseJson('EXAMINED', examinedSchema, payload);
}
