/** What the CLI asks of the peer on the local socket, and what the peer answers: its `status`, `why` and `stop`. */
import * as v from 'valibot';
import type { Payload } from './frame.ts';
import { bytes32, encodeJson, parseAnyJson, parseJson, type ValueOf, type WireOf } from './schema.ts';

// REQUEST

const requestSchema = v.variant('op', [
  v.object({ op: v.literal('status') }),
  v.object({ op: v.literal('stop'), now: v.boolean() }),
  v.object({ op: v.literal('why'), job: v.optional(v.number()) }),
  /** Reads anew which machines are known, and lists them. */
  v.object({ op: v.literal('known') }),
  /** Makes this machine and another one known to each other: that which asks the same, or only `name`. */
  v.object({ op: v.literal('pair'), name: v.optional(v.string()) }),
  /** The user has seen these digits on both screens. */
  v.object({ op: v.literal('pair-confirm'), digits: v.string() }),
]);
export type Request = ValueOf<typeof requestSchema>;

export function encodeRequest(request: Request): Payload<'REQUEST'> {
  return encodeJson<'REQUEST'>(request satisfies WireOf<typeof requestSchema>);
}

/** @returns undefined if this version does not know it. @throws FrameError if it is not JSON. */
export function parseRequest(payload: Uint8Array): Request | undefined {
  const parsed = v.safeParse(requestSchema, parseAnyJson('REQUEST', payload));
  return parsed.success ? parsed.output : undefined;
}

// REPLY

const peerSchema = v.object({
  id: v.string(),
  name: v.string(),
  addresses: v.array(v.string()),
  slots: v.number(),
  running: v.number(),
  queued: v.number(),
  /** Other people's use of the machine, in cores. */
  load: v.number(),
  memoryFreeBytes: v.number(),
  /** Age of these figures. */
  ageMs: v.number(),
  rttMs: v.number(),
  state: v.picklist(['ready', 'suspect', 'refusing']),
  reasons: v.array(v.string()),
  doneForMe: v.number(),
  doneByMe: v.number(),
});
export type PeerStatus = ValueOf<typeof peerSchema>;

const statusSchema = v.object({
  version: v.string(),
  self: peerSchema,
  peers: v.array(peerSchema),
  jobs: v.object({
    running: v.number(),
    queued: v.number(),
    done: v.number(),
    remote: v.number(),
    inline: v.number(),
    failed: v.number(),
    retried: v.number(),
  }),
  /** Decisions that were not the plain one, counted. */
  reasons: v.array(v.object({ reason: v.string(), count: v.number(), meaning: v.string() })),
  warnings: v.array(v.string()),
});
/** The swarm as a peer sees it, `status --json`. */
export type Status = ValueOf<typeof statusSchema>;

const explanationSchema = v.object({
  job: v.number(),
  command: v.string(),
  cwd: v.string(),
  /** `inline`, the name of a peer, or empty. */
  place: v.string(),
  ending: v.string(),
  /** Of a job that has not ended: where it is and what it waits for. */
  whereabouts: v.optional(v.string()),
  reasons: v.array(v.object({ reason: v.string(), meaning: v.string(), peer: v.string() })),
  details: v.array(v.string()),
});
/** What became of a job, and why. */
export type Explanation = ValueOf<typeof explanationSchema>;

/** A machine that was made known to this one, as its peer sees it. */
const machineSchema = v.object({
  name: v.string(),
  /** The connected peer of that machine, if both know each other. */
  peer: v.optional(v.string()),
  addresses: v.array(v.string()),
});

const pairingSchema = v.variant('state', [
  /** The other machine has shown itself; both show these digits. */
  v.object({ state: v.literal('compare'), digits: v.string(), name: v.string() }),
  /** Both have confirmed. */
  v.object({
    state: v.literal('paired'),
    name: v.string(),
    key: bytes32,
    addresses: v.array(v.string()),
  }),
  v.object({ state: v.literal('failed'), why: v.string() }),
]);
/** How far a pairing has come. */
export type PairingState = ValueOf<typeof pairingSchema>;

const errorSchema = v.object({ error: v.string() });
const replySchemas = {
  status: statusSchema,
  /** Jobs that it still runs for others. */
  stop: v.object({ waiting: v.number() }),
  why: v.object({ jobs: v.array(explanationSchema) }),
  known: v.object({ machines: v.array(machineSchema), faults: v.array(v.string()) }),
  pair: pairingSchema,
  'pair-confirm': v.object({ taken: v.boolean() }),
  error: errorSchema,
} as const;
/** The answer to a request, by its `op`; `error`: to one that is not known. */
export type Reply<Op extends keyof typeof replySchemas> = ValueOf<(typeof replySchemas)[Op]>;

export function encodeReply<Op extends keyof typeof replySchemas>(
  _op: Op,
  reply: Reply<Op>,
): Payload<'REPLY'> {
  return encodeJson<'REPLY'>(reply);
}

/**
 * @param op - of the request that it answers.
 * @throws FrameError if a peer of this version does not say so.
 */
export function parseReply<Op extends Request['op']>(
  op: Op,
  payload: Uint8Array,
): Reply<Op> | Reply<'error'> {
  return parseJson('REPLY', v.union([errorSchema, replySchemas[op]]), payload) as Reply<Op> | Reply<'error'>;
}
