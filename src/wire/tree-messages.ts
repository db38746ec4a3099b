/**
 * What peers and the helpers of a served tree say (docs/TREE-PROTOCOL.md). The helpers are C programs: each message has
 * one end here, and the other in src/native. Requests, manifests, contents and changes go from helper to helper by way
 * of their peers, which read the head of each and pass the rest on as it came.
 */
import { factBytes } from '../core/fact.ts';
import type { TreeAsk } from '../core/tree/contract.ts';
import { type ByteString, fromBytes, toBytes } from './bytes.ts';
import { FrameError, type FrameName, madePayload, type Payload, type RelayedFrame } from './frame.ts';

/** Reads a payload from its beginning; FrameError where something is missing. */
export class Cursor {
  readonly #type: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(type: string, bytes: Uint8Array) {
    this.#type = type;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(sizeBytes: number): Uint8Array {
    if (this.left < sizeBytes) throw new FrameError(`a ${this.#type} message is cut off`);
    this.#at += sizeBytes;
    return this.#bytes.subarray(this.#at - sizeBytes, this.#at);
  }

  u8(): number {
    return this.take(1)[0] ?? 0;
  }

  u16(): number {
    this.take(2);
    return this.#view.getUint16(this.#at - 2, true);
  }

  u32(): number {
    this.take(4);
    return this.#view.getUint32(this.#at - 4, true);
  }

  u64(): bigint {
    this.take(8);
    return this.#view.getBigUint64(this.#at - 8, true);
  }

  /** A number that counts; what is beyond 2^53 is no count. */
  count(): number {
    const value = Number(this.u64());
    if (!Number.isSafeInteger(value))
      throw new FrameError(`a ${this.#type} message has a number beyond 2^53`);
    return value;
  }

  text(): ByteString {
    return fromBytes(this.take(this.u16()));
  }

  end(): void {
    if (this.left > 0) throw new FrameError(`a ${this.#type} message has ${this.left} bytes too many`);
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function text(value: ByteString): Buffer {
  const bytes = Buffer.alloc(2 + value.length);
  bytes.writeUInt16LE(value.length);
  bytes.set(toBytes(value), 2);
  return bytes;
}

function made<Type extends FrameName>(...parts: readonly Uint8Array[]): Payload<Type> {
  return madePayload(Buffer.concat(parts));
}

/** A path below the root: empty for the root itself, else with a slash before each part. */
export type TreePath = ByteString;

// TREE_START, TREE_READY, TREE_FIGURES: strings `key=value`

/** A key may come several times. */
export function encodeTreeStart(
  pairs: readonly (readonly [string, ByteString | number])[],
): Payload<'TREE_START'> {
  return made(toBytes(pairs.map(([key, value]) => `${key}=${value}\0`).join('')));
}

function parsePairs(type: string, payload: Uint8Array): ReadonlyMap<string, ByteString> {
  const pairs = new Map<string, ByteString>();
  for (const pair of fromBytes(payload).split('\0').slice(0, -1)) {
    const equals = pair.indexOf('=');
    if (equals < 0) throw new FrameError(`a ${type} message has a pair without a value`);
    pairs.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return pairs;
}

/** What a helper says when it is up, or why it is not. @throws FrameError */
export function parseTreeReady(payload: Uint8Array): ReadonlyMap<string, ByteString> {
  return parsePairs('TREE_READY', payload);
}

/** Counts of a helper by their names. */
export type TreeFigures = Readonly<Record<string, number>>;

/** @throws FrameError */
export function parseTreeFigures(payload: Uint8Array): {
  readonly id: number;
  readonly figures: TreeFigures;
} {
  const id = readId('TREE_FIGURES', payload);
  const pairs = [...parsePairs('TREE_FIGURES', payload.subarray(4))];
  return { id, figures: Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)])) };
}

// Numbers of requests: the first four bytes of a request and of all that answers it

/** @throws FrameError */
export function readId(type: FrameName, payload: Uint8Array): number {
  return new Cursor(type, payload).u32();
}

/** The same message under another number: a helper of several others gives them numbers of its own. */
export function withId<Type extends RelayedFrame>(payload: Uint8Array, id: number): Payload<Type> {
  return made(u32(id), payload.subarray(4));
}

export function encodeTreeBarrier(id: number): Payload<'TREE_BARRIER'> {
  return made(u32(id));
}

export function encodeTreeStatus(id: number): Payload<'TREE_STATUS'> {
  return made(u32(id));
}

/** Directories without events, to be looked at again; what differs comes with the next barrier. */
export function encodeTreeCompare(paths: readonly TreePath[]): Payload<'TREE_COMPARE'> {
  return made(...paths.map(text));
}

/** No worker has anything of this directory and below any more. */
export function encodeTreeForget(path: TreePath): Payload<'TREE_FORGET'> {
  return made(text(path));
}

/** Whoever waits for this answer shall fail. */
export function encodeTreeFailed(failed: {
  readonly id: number;
  readonly errno: number;
}): Payload<'TREE_FAILED'> {
  return made(u32(failed.id), u32(failed.errno));
}

/** @throws FrameError */
export function parseTreeFailed(payload: Uint8Array): { readonly id: number; readonly errno: number } {
  return parseNumbers('TREE_FAILED', payload);
}

/** The scratch of a job that is over. */
export function encodeTreeDiscard(discard: {
  readonly id: number;
  readonly directory: ByteString;
}): Payload<'TREE_DISCARD'> {
  return made(u32(discard.id), text(discard.directory));
}

/** The content of a file of this machine, to be kept by its hash. */
export function encodeTreeStore(store: {
  readonly id: number;
  readonly hash: Uint8Array;
  readonly path: ByteString;
}): Payload<'TREE_STORE'> {
  return made(u32(store.id), store.hash, text(store.path));
}

/** @throws FrameError */
export function parseTreeDone(payload: Uint8Array): { readonly id: number; readonly errno: number } {
  return parseNumbers('TREE_DONE', payload);
}

function parseNumbers(type: FrameName, payload: Uint8Array): { readonly id: number; readonly errno: number } {
  const from = new Cursor(type, payload);
  const numbers = { id: from.u32(), errno: from.u32() };
  from.end();
  return numbers;
}

// TREE_CHANGES, TREE_APPLIED

const changeKinds = ['name', 'node', 'listing'] as const;
/** A directory in which names changed, which are told: no change of its own, but its attributes are others now. */
const timesKind = 3;

/** A path that changed: what its name leads to; its attributes or content; all that was told of a directory. */
export interface TreeChange {
  readonly kind: (typeof changeKinds)[number];
  readonly directory: TreePath;
  readonly name: ByteString;
}

export interface TreeChanges {
  readonly id: number;
  readonly generation: number;
  /** Another message with the same id follows. */
  readonly more: boolean;
  /** Changes were lost: nothing that was ever told is known to hold. */
  readonly everything: boolean;
  readonly changes: readonly TreeChange[];
}

export const hashBytes = 32;
export const attrBytes = 5 * 8 + 2 * 8 + 6 * 4;
const modeAt = 5 * 8 + 2 * 8 + 2 * 4;
const linkMode = 0o120000;

/** Passes over an entry of a directory; its name. */
function skipEntry(from: Cursor): ByteString {
  const flags = from.u8();
  const name = from.text();
  if ((flags & 3) !== 1) return name;
  const attr = from.take(attrBytes);
  const mode = new DataView(attr.buffer, attr.byteOffset, attr.byteLength).getUint32(modeAt, true);
  if ((mode & 0o170000) === linkMode) from.text();
  if ((flags & 4) !== 0) from.take(hashBytes);
  return name;
}

/** In TREE_CHANGES, behind id and generation. */
const flagsAt = 12;

/** @throws FrameError */
export function parseTreeChanges(payload: Uint8Array): TreeChanges {
  const from = new Cursor('TREE_CHANGES', payload);
  const id = from.u32();
  const generation = from.count();
  const flags = from.u8();
  const count = from.u32();
  const changes: TreeChange[] = [];
  for (let n = 0; n < count; n += 1) {
    const code = from.u8();
    const directory = from.text();
    const name = skipEntry(from);
    if (code === timesKind) continue;
    const kind = changeKinds[code];
    if (kind === undefined) throw new FrameError('a TREE_CHANGES message has a change of no known kind');
    changes.push({ kind, directory, name });
  }
  from.end();
  return { id, generation, more: (flags & 1) !== 0, everything: (flags & 2) !== 0, changes };
}

/** The same changes, as a part of more. */
export function withMore(payload: Uint8Array): Uint8Array {
  const part = Uint8Array.from(payload);
  part[flagsAt] = (part[flagsAt] ?? 0) | 1;
  return part;
}

/** @throws FrameError */
export function parseTreeApplied(payload: Uint8Array): { readonly id: number; readonly generation: number } {
  const from = new Cursor('TREE_APPLIED', payload);
  const applied = { id: from.u32(), generation: from.count() };
  from.end();
  return applied;
}

// TREE_LOOKS, TREE_LOOKED

/** What of this machine is looked at for itself; all on the way there is watched. */
export function encodeTreeLooks(looks: {
  readonly id: number;
  readonly paths: readonly TreePath[];
}): Payload<'TREE_LOOKS'> {
  return made(u32(looks.id), ...looks.paths.map(text));
}

/** What there was at paths, in the order of the question. */
export interface TreeLooked {
  readonly id: number;
  readonly generation: number;
  /** Of the first that could not be looked at; 0 if all could. */
  readonly errno: number;
  /** Of each path whether it holds until a change is told, and a record of src/native/fact.h. */
  readonly looks: readonly { readonly holds: boolean; readonly record: ByteString }[];
}

/** @throws FrameError */
export function parseTreeLooked(payload: Uint8Array): TreeLooked {
  const from = new Cursor('TREE_LOOKED', payload);
  const head = { id: from.u32(), generation: from.count(), errno: from.u32() };
  const looks: TreeLooked['looks'][number][] = [];
  while (from.left > 0) looks.push({ holds: from.u8() !== 0, record: fromBytes(from.take(factBytes)) });
  return { ...head, looks };
}

// TREE_MANIFEST: what of it a peer minds

/** What was told of a directory, or of one name in it. */
export interface TreeManifestHead {
  readonly id: number;
  readonly generation: number;
  readonly path: TreePath;
  readonly more: boolean;
  /** Changes in it raise no events: to be compared when a job is handed in. */
  readonly eventless: boolean;
  /** It finds names by other letters than it lists them by, too. */
  readonly folded: boolean;
  readonly failed: boolean;
}

/** @throws FrameError */
export function parseTreeManifestHead(payload: Uint8Array): TreeManifestHead {
  const from = new Cursor('TREE_MANIFEST', payload);
  const id = from.u32();
  const generation = from.count();
  const flags = from.u8();
  from.take(8 + attrBytes);
  const path = from.text();
  const has = (bit: number): boolean => (flags & bit) !== 0;
  const [eventless, folded] = [has(4) || has(8), has(128)];
  return { id, generation, path, more: has(2), eventless, folded, failed: has(32) };
}

// TREE_AHEAD

/** Half of what a frame may have; one path more still fits. */
const aheadBytes = 256 * 1024;
const aheadKinds = { name: 0, list: 1, read: 2 } as const satisfies Record<TreeAsk['kind'], number>;

/** What jobs of a worker will ask for, first things first: in as many messages as it takes. */
export function encodeTreeAhead(asks: readonly TreeAsk[]): Payload<'TREE_AHEAD'>[] {
  const payloads: Payload<'TREE_AHEAD'>[] = [];
  let parts: Buffer[] = [];
  let sizeBytes = 0;
  const add = (...more: Buffer[]): void => {
    parts.push(...more);
    sizeBytes += more.reduce((sum, part) => sum + part.length, 0);
  };
  for (let at = 0; at < asks.length; at += 1) {
    const ask = asks[at] as TreeAsk;
    add(Buffer.of(aheadKinds[ask.kind]), text(ask.path));
    if (ask.kind === 'read') {
      let last = ask.piece;
      for (let next = asks[at + 1]; follows(next, ask.path, last); next = asks[at + 1]) {
        last += 1;
        at += 1;
      }
      add(u32(ask.piece), u32(last));
    }
    if (sizeBytes < aheadBytes && at < asks.length - 1) continue;
    payloads.push(made(...parts));
    parts = [];
    sizeBytes = 0;
  }
  return payloads;
}

function follows(ask: TreeAsk | undefined, path: TreePath, piece: number): boolean {
  return ask?.kind === 'read' && ask.path === path && ask.piece === piece + 1;
}

// TREE_FAULT

/** By their number on the wire. */
export const treeFaultKinds = ['fetch', 'refused', 'write', 'stale'] as const;

/** Why a job is not to be believed. */
export interface TreeFault {
  /** Could not be had; exists and is not served; was to be written where only reading is; changed under the job. */
  readonly kind: (typeof treeFaultKinds)[number];
  readonly errno: number;
  readonly path: TreePath;
  /** In the directory `path`; empty if the path itself is meant. */
  readonly name: ByteString;
  /** The name of the job's scratch; empty if it is not known, and then no job that ran at this time is to be believed. */
  readonly job: ByteString;
}

/** @throws FrameError */
export function parseTreeFault(payload: Uint8Array): TreeFault {
  const from = new Cursor('TREE_FAULT', payload);
  const kind = treeFaultKinds[from.u8()];
  if (kind === undefined) throw new FrameError('a TREE_FAULT message is of no known kind');
  const fault = { kind, errno: from.u32(), path: from.text(), name: from.text(), job: from.text() };
  from.end();
  return fault;
}
