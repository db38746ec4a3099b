/** Which share a directory is in, and making shares: by the user's word, or by itself on a network file system. */
import { BoundedMap } from '../core/bounded-map.ts';
import { SwarmError } from '../core/swarm-error.ts';
import { fromText, toText } from '../wire/bytes.ts';
import type { RootFinding, Verdict } from './blocking/root.ts';
import { Disk } from './disk.ts';
import { DiskError } from './disk-error.ts';
import { type Mount, mountOf, readMounts } from './mounts.ts';

export interface Share {
  /** Real path of the directory that holds `.buildswarm/`; byte string. */
  readonly root: string;
  readonly mount: Mount;
}

export type ShareFinding = Verdict<{
  readonly share: Share;
  /** Of the directory that was asked for. */
  readonly realPath: string;
}>;

/** A finding is believed this long: a build asks for the same few directories hundreds of times a second. */
const believedMs = 5_000;
const maxFindings = 4_096;

/** Why a share on this mount cannot be used; undefined if it can. */
export function mountFault(mount: Mount | undefined): string | undefined {
  if (mount === undefined) return 'its mount is not in /proc/self/mountinfo';
  if (mount.nocto)
    return `'${toText(mount.mountPoint)}' is mounted nocto, so files of other machines would be read stale; remount it without`;
  if (mount.options.has('ro')) return `'${toText(mount.mountPoint)}' is mounted read-only`;
  return undefined;
}

/** Finds and makes shares; keeps what it found for a few seconds. */
export class Shares {
  readonly #disk: Disk;
  readonly #now: () => number;
  readonly #found = new BoundedMap<
    string,
    { readonly finding: Promise<ShareFinding>; readonly untilMs: number }
  >(maxFindings);

  constructor(disk: Disk, options: { readonly now?: () => number } = {}) {
    this.#disk = disk;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * The share that a directory is in: the nearest at or above its real path. On a network file system, one is made
   * in the user's topmost own directory if there is none.
   */
  find(directory: string): Promise<ShareFinding> {
    const nowMs = this.#now();
    const known = this.#found.get(directory);
    if (known !== undefined && known.untilMs > nowMs) return known.finding;
    const finding = this.#search(directory);
    this.#found.set(directory, { finding, untilMs: nowMs + believedMs });
    return finding;
  }

  /** Makes a directory a share for `buildswarm share`; if it is in one already, that one is the answer. */
  async make(directory: string): Promise<ShareFinding> {
    this.forget();
    const found = await this.#findRoot(directory);
    if ('ok' in found) return found;
    if (found.found) return this.#accept(found.root, found.realPath);
    if (found.faulty) return { ok: false, why: found.why };
    if (found.realPath === '/') return { ok: false, why: 'the root directory cannot be a share' };
    const made = await this.#disk.run('makeRoot', found.realPath);
    return made.ok ? this.#accept(made.root, found.realPath) : made;
  }

  /** Looks anew from now on. */
  forget(): void {
    this.#found.clear();
  }

  async #search(directory: string): Promise<ShareFinding> {
    const found = await this.#findRoot(directory);
    if ('ok' in found) return found;
    if (found.found) return this.#accept(found.root, found.realPath);
    const refusal = { ok: false, why: found.why } as const;
    if (found.faulty) return refusal;
    const mount = mountOf(readMounts(), found.realPath);
    if (mount === undefined || !mount.isNetwork || mountFault(mount) !== undefined) return refusal;
    const own = await this.#disk.run('topmostOwn', {
      mountPoint: mount.mountPoint,
      realPath: found.realPath,
    });
    if (own === undefined)
      return {
        ok: false,
        why: `${found.why}, and none on '${toText(mount.mountPoint)}' is yours to make one in`,
      };
    const made = await this.#disk.run('makeRoot', own);
    return made.ok ? this.#accept(made.root, found.realPath) : made;
  }

  #accept(root: string, realPath: string): ShareFinding {
    const mount = mountOf(readMounts(), root);
    const fault = mountFault(mount);
    if (mount === undefined || fault !== undefined)
      return { ok: false, why: `the share '${toText(root)}' cannot be used: ${fault}` };
    return { ok: true, share: { root, mount }, realPath };
  }

  async #findRoot(directory: string): Promise<RootFinding | { readonly ok: false; readonly why: string }> {
    try {
      return await this.#disk.run('findRoot', directory);
    } catch (error) {
      if (error instanceof DiskError && error.code !== 'INTERNAL')
        return { ok: false, why: `'${toText(directory)}' cannot be looked at: ${error.message}` };
      throw error;
    }
  }
}

/**
 * The real path of each of `paths` (absolute byte strings, that may not exist yet), or why it is not in the share:
 * it leads out by `..` or a link, or through a link that leads nowhere.
 */
export function realPathsBelow(
  disk: Disk,
  share: Share,
  paths: readonly string[],
): Promise<Verdict<{ readonly realPath: string }>[]> {
  return disk.run('realPathsBelow', { root: share.root, paths });
}

/**
 * Makes a directory a share without a running peer, for `buildswarm share`. Paths here are text, not byte strings.
 *
 * @returns the share's root: the directory's real path, or that of the share that it is in already.
 * @throws SwarmError `E_SHARE` with a sentence that says why it cannot be one.
 */
export async function makeShare(directory: string): Promise<{ readonly root: string }> {
  const disk = new Disk({ maxThreads: 1 });
  try {
    const made = await new Shares(disk).make(fromText(directory));
    if (!made.ok) throw new SwarmError('E_SHARE', `${made.why}.`);
    return { root: toText(made.share.root) };
  } finally {
    await disk.close();
  }
}
