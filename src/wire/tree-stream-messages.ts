/** What opens the stream on which a submitter shows a worker its files; the frames that follow are in tree-messages.ts. */
import * as v from 'valibot';
import { mayBePath } from '../core/paths.ts';
import type { TreeAsk } from '../core/tree/contract.ts';
import type { FrameName, Payload } from './frame.ts';
import { FrameError } from './frame.ts';
import { maxGroups, maxNameLength, maxTreeIdLength } from './limits.ts';
import {
  byteString,
  count,
  encodeJson,
  listOf,
  parseJson,
  plain,
  text,
  type ValueOf,
  type WireOf,
} from './schema.ts';
import { attrBytes, Cursor, hashBytes, type TreePath } from './tree-messages.ts';

const id = v.pipe(count, v.maxValue(0xffff_ffff));

// TREE_OPEN

const openSchema = v.object({
  /** Names the tree in offers; new with each start of swarmtree. */
  tree: v.pipe(plain, v.minLength(1), v.maxLength(maxTreeIdLength)),
  /** All that was told of it before this generation is not known to the worker. */
  generation: count,
  /** The submitter's user, as jobs see it. */
  uid: id,
  gid: id,
  groups: listOf(id, maxGroups),
  /** The device whose inode numbers are shown as they are; decimal. */
  device: v.pipe(v.string(), v.regex(/^\d{1,20}$/u, 'is not a device')),
  hostName: v.pipe(byteString, v.maxLength(maxNameLength)),
  /** Of the processor, as Node names it: programs of the tree run on no other. */
  architecture: v.pipe(plain, v.maxLength(maxNameLength)),
});
export type TreeOpen = ValueOf<typeof openSchema>;

export function encodeTreeOpen(open: TreeOpen): Payload<'TREE_OPEN'> {
  return encodeJson<'TREE_OPEN'>(open satisfies WireOf<typeof openSchema>);
}
/** @throws FrameError */
export function parseTreeOpen(payload: Uint8Array): TreeOpen {
  return parseJson('TREE_OPEN', openSchema, payload);
}

// TREE_OPENED

/** Why a worker does not work in a tree. */
export const treeRefusals = ['not-member', 'no-namespace', 'toolchain', 'busy'] as const;

const openedSchema = v.variant('kind', [
  v.object({ kind: v.literal('mounted') }),
  v.object({ kind: v.literal('refused'), code: v.picklist(treeRefusals), detail: text }),
]);
export type TreeOpened = ValueOf<typeof openedSchema>;

export function encodeTreeOpened(opened: TreeOpened): Payload<'TREE_OPENED'> {
  return encodeJson<'TREE_OPENED'>(opened satisfies WireOf<typeof openedSchema>);
}
/** @throws FrameError */
export function parseTreeOpened(payload: Uint8Array): TreeOpened {
  return parseJson('TREE_OPENED', openedSchema, payload);
}

// TREE_LIST, TREE_LOOK, TREE_READ: a worker's word, which must not reach swarmtree unless it is whole

const maxCandidates = 4;
const maxReadBytes = 1024 * 1024;
/** A file that is longer than a whole one may be is read by pieces of this size. */
const pieceBytes = 256 * 1024;

/** @throws FrameError if swarmtree would end because of it. */
export function parseTreeRequest(
  type: FrameName,
  payload: Uint8Array,
): { readonly id: number; readonly ask: TreeAsk } {
  const from = new Cursor(type, payload);
  const number = from.u32();
  let ask: TreeAsk;
  if (type === 'TREE_READ') {
    const piece = Math.floor(from.count() / pieceBytes);
    const sizeBytes = from.u32();
    if (sizeBytes > maxReadBytes) throw new FrameError('a TREE_READ message asks for too much');
    if (from.u8() > 1) throw new FrameError('a TREE_READ message is malformed');
    from.take(attrBytes);
    const candidates = from.u8();
    if (candidates > maxCandidates) throw new FrameError('a TREE_READ message has too many candidates');
    from.take(candidates * hashBytes);
    ask = { kind: 'read', path: pathOf(type, from.text()), piece, sizeBytes };
  } else {
    const mode = type === 'TREE_LIST' ? from.u8() : 0;
    if (mode > 1) throw new FrameError('a TREE_LIST message is malformed');
    const path = pathOf(type, from.text());
    const name = from.text();
    if (!(isPart(name) || (name === '' && type === 'TREE_LIST')))
      throw new FrameError(`a ${type} message has a name that is none`);
    ask = mode === 0 && name !== '' ? { kind: 'name', path: `${path}/${name}` } : { kind: 'list', path };
  }
  from.end();
  return { id: number, ask };
}

function pathOf(type: FrameName, path: string): TreePath {
  if (path === '') return path;
  if (!mayBePath(path) || !path.startsWith('/') || !path.slice(1).split('/').every(isPart))
    throw new FrameError(`a ${type} message has a path that is none`);
  return path;
}

function isPart(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && mayBePath(name) && !/[/\0]/.test(name);
}
