/**
 * What a worker looks at before a job, by swarmlook, where the ordinary is there: no link lies on any way of the offer's, so that all
 * its names lead where they say. All else is left to a thread (./blocking/way.ts), which finds out.
 */
import { type Fact, factBytes } from '../core/fact.ts';
import { ancestors, isBelow, resolvePath } from '../core/paths.ts';
import type { ByteString } from '../wire/bytes.ts';
import type { Verdict } from './blocking/root.ts';
import { parseRecord, wrongLength } from './look-answer.ts';
import { packText } from './question-answer.ts';

export interface SightRequest {
  /** A real path. */
  readonly root: ByteString;
  /** Below it by their words: nothing is touched where one leads out. */
  readonly paths: readonly ByteString[];
  /** Directories to be refreshed then. */
  readonly refresh: readonly ByteString[];
  /** Files to be looked at anew after that. */
  readonly files: readonly ByteString[];
  /** Where the job writes, of which the real paths are wanted at last. */
  readonly written: readonly ByteString[];
}

export interface Sight {
  /** The first of `paths` that leads out. */
  readonly out: ByteString | undefined;
  readonly refreshed: readonly Fact[];
  readonly looked: readonly Fact[];
  readonly places: readonly Verdict<{ readonly realPath: ByteString }>[];
}

/** @returns undefined where a path is not one below the root as it stands. */
export function packSight({ root, paths, refresh, files, written }: SightRequest): Buffer | undefined {
  const isPlain = (path: ByteString): boolean => isBelow(root, path) && resolvePath('/', path) === path;
  if (!paths.every(isPlain) || !written.every(isPlain)) return undefined;
  let text = '';
  for (const name of waysTo(paths, root)) text += `W${name}\0`;
  for (const path of refresh) text += `D${path}\0`;
  for (const path of files) text += `F${path}\0`;
  // Once more, as they may be seen anew now.
  for (const name of waysTo(written, root)) text += `W${name}\0`;
  return packText(text);
}

/**
 * @returns undefined where a file is a link.
 * @throws Error if it is not swarmlook's answer to {@link packSight}.
 */
export function parseSight(answer: Buffer, { refresh, files, written }: SightRequest): Sight | undefined {
  if (answer.length !== (refresh.length + files.length) * factBytes) throw wrongLength();
  const fact = (at: number): Fact =>
    parseRecord(answer.toString('latin1', at * factBytes, (at + 1) * factBytes));
  const looked = files.map((_, at) => fact(refresh.length + at));
  if (looked.some(({ kind }) => kind === 'link')) return undefined;
  return {
    out: undefined,
    refreshed: refresh.map((_, at) => fact(at)),
    looked,
    places: written.map((path) => ({ ok: true, realPath: path })),
  };
}

/** All names that are passed on the way from the root, and the paths themselves. */
function waysTo(paths: readonly ByteString[], root: ByteString): Set<ByteString> {
  const names = new Set<ByteString>();
  for (const path of paths) {
    if (path === root || names.has(path)) continue;
    for (const above of ancestors(path, root)) if (above !== root) names.add(above);
    names.add(path);
  }
  return names;
}
