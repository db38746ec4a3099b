/** What the CLI asks of the peer on the local socket, and what the peer answers: its `status`, `why`, `stop` and the like. */
import * as v from 'valibot';
import type { Payload } from './frame.ts';
import { bytes32, encodeJson, parseAnyJson, parseJson, type ValueOf, type WireOf } from './schema.ts';

// REQUEST

const requestSchema = v.variant('op', [
  v.object({ op: v.literal('status') }),
  v.object({ op: v.literal('stop'), now: v.boolean() }),
  /**
   * Jobs: this one, those that write this path (absolute), those from this number on (the oldest first), or the newest;
   * `last`: so many; `here`: only those that ran here.
   */
  v.object({
    op: v.literal('why'),
    job: v.optional(v.number()),
    path: v.optional(v.string()),
    from: v.optional(v.number()),
    last: v.optional(v.number()),
    here: v.optional(v.boolean()),
  }),
  /** Why jobs of the newest build ran here, counted. */
  v.object({ op: v.literal('build') }),
  /** All that a live view shows; of the jobs that have ended only those that did so after `after` others, of this machine or, `hostedAfter`, of others. */
  v.object({ op: v.literal('live'), after: v.number(), hostedAfter: v.optional(v.number()) }),
  /** What is wrong, on the machine of that peer if one is named; `directory`: where the user is, absolute. */
  v.object({ op: v.literal('doctor'), directory: v.string(), peer: v.optional(v.string()) }),
  /** Figures in the text format of Prometheus. */
  v.object({ op: v.literal('metrics') }),
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
  /**
   * How jobs of this machine run there: in a share that both see, in the files of this machine. Of this peer itself: how it
   * runs those of others.
   */
  ways: v.array(v.picklist(['direct', 'served'])),
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

const stepSchema = v.object({
  /** Since the job was handed in. */
  atMs: v.number(),
  kind: v.string(),
  /** A sentence. */
  text: v.string(),
  reason: v.optional(v.string()),
  peer: v.optional(v.string()),
  detail: v.optional(v.string()),
  /** Of a result: how long the command ran, by its worker's clock. */
  ranMs: v.optional(v.number()),
  /** Peers that were considered: expected wait in times that one job takes, and the reason why not. */
  considered: v.optional(
    v.array(v.object({ peer: v.string(), wait: v.number(), because: v.optional(v.string()) })),
  ),
});
/** One step of a job. */
export type ExplainedStep = ValueOf<typeof stepSchema>;

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
  /** When it was handed in and when it ended, ms since 1970. */
  startedAtMs: v.number(),
  endedAtMs: v.optional(v.number()),
  /** Absolute paths that it says it writes. */
  outputs: v.array(v.string()),
  steps: v.array(stepSchema),
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
const tallySchema = v.object({
  reason: v.string(),
  count: v.number(),
  meaning: v.string(),
  /** What to do about it, if anything. */
  cure: v.optional(v.string()),
  /** The newest job of it. */
  job: v.number(),
});
const buildSchema = v.object({
  /** Number of its first job; 0: there was none. */
  firstJob: v.number(),
  /** When its first job was handed in, ms since 1970; undefined: there was no job yet. */
  startedAtMs: v.optional(v.number()),
  jobs: v.number(),
  elsewhere: v.number(),
  unfinished: v.number(),
  /** Why jobs ran here. */
  here: v.array(tallySchema),
  /** What else was noted: refusals, and attempts that came to nothing. */
  noted: v.array(tallySchema),
});
/** The newest build, by reasons. */
export type Build = ValueOf<typeof buildSchema>;

const glimpseSchema = v.object({
  job: v.number(),
  /** Shortened. */
  command: v.string(),
  cwd: v.string(),
  /** The first path that it says it writes. */
  output: v.optional(v.string()),
  /** Where it ended: the id of a peer, `inline`, or empty. */
  place: v.optional(v.string()),
  ending: v.optional(v.string()),
  /** ms since 1970. */
  startedAtMs: v.number(),
  endedAtMs: v.optional(v.number()),
  steps: v.array(
    v.object({
      /** Since the job was handed in. */
      atMs: v.number(),
      kind: v.string(),
      reason: v.optional(v.string()),
      /** Id of a peer. */
      peer: v.optional(v.string()),
      ranMs: v.optional(v.number()),
    }),
  ),
});
/** What a live view shows of a job. */
export type Glimpse = ValueOf<typeof glimpseSchema>;

const hostedRunSchema = v.object({
  number: v.number(),
  /** Id of the peer that asked for it. */
  submitter: v.string(),
  command: v.string(),
  cwd: v.string(),
  output: v.optional(v.string()),
  /** ms since 1970. */
  fromMs: v.number(),
  toMs: v.optional(v.number()),
  ending: v.optional(v.string()),
});
/** One run of a job of another machine here. */
export type HostedGlimpse = ValueOf<typeof hostedRunSchema>;

const liveSchema = v.object({
  /** When the peer was started, ms since 1970: another one counts its jobs anew. */
  startedAtMs: v.number(),
  status: statusSchema,
  build: buildSchema,
  /** Jobs of others that this machine has taken, by the name of their submitter. */
  hosted: v.array(v.object({ submitter: v.string(), jobs: v.number() })),
  /** Of them, those that run, then ended ones in the order of their ends. */
  hostedRuns: v.array(hostedRunSchema),
  /** How many have ended up to the last one there: the next `hostedAfter`. */
  hostedEnded: v.number(),
  /** Those that have not ended, then ended ones in the order of their ends. */
  jobs: v.array(glimpseSchema),
  /** How many have ended up to the last one here: the next `after`. */
  ended: v.number(),
  /** More have ended than fit. */
  isMore: v.boolean(),
});
/** All that a live view shows. */
export type Live = ValueOf<typeof liveSchema>;

const findingSchema = v.object({
  check: v.string(),
  /** `note`: nothing is wrong as far as was seen, but it may explain something. */
  state: v.picklist(['ok', 'note', 'fault']),
  text: v.string(),
  cure: v.optional(v.string()),
});
/** What the doctor found at one check. */
export type Finding = ValueOf<typeof findingSchema>;

const errorSchema = v.object({ error: v.string() });
const replySchemas = {
  status: statusSchema,
  /** Jobs that it still runs for others. */
  stop: v.object({ waiting: v.number() }),
  why: v.object({ jobs: v.array(explanationSchema) }),
  build: buildSchema,
  live: liveSchema,
  metrics: v.object({ text: v.string() }),
  /** `shares`: roots of those that this peer has joined; `peer`: whose findings they are, if it was asked for. */
  doctor: v.object({
    findings: v.array(findingSchema),
    shares: v.array(v.string()),
    peer: v.optional(v.string()),
  }),
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
