/** What the peer tells the CLI about the swarm (`status --json`). */
import * as v from 'valibot';

const peer = v.object({
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
export type PeerStatus = v.InferOutput<typeof peer>;

const status = v.object({
  version: v.string(),
  self: peer,
  peers: v.array(peer),
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
export type Status = v.InferOutput<typeof status>;

/** @throws ValiError if it is not what a peer of this version says. */
export function parseStatus(value: unknown): Status {
  return v.parse(status, value);
}
