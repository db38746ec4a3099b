/**
 * Opaque commands get places of their own for what is temporary (core/own-places.ts): what they leave there is not left on
 * this machine alone, but sent home. Where namespaces cannot be made, a command runs in the machine's own, as if there
 * were none of this.
 */
import { execFile } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ownPlaces } from '../../core/own-places.ts';
import { isBelow } from '../../core/paths.ts';
import { fromBytes, toText } from '../../wire/bytes.ts';
import type { RunSpec } from '../../work/runner.ts';
import type { HostedJob } from './hosted-job.ts';

/** All that a job left is read once. */
const reportTimeoutMs = 60_000;
const abandonedMs = 24 * 3_600_000;
const prefix = '.buildswarm-apart-';

export interface ApartPlacesInit {
  /** swarmjob, compiled. */
  readonly program: string;
  /** Where the runner is reached; undefined: it cannot do this. */
  readonly socketPath: string | undefined;
  /** Where the scratch directories lie. @defaultValue '/tmp' */
  readonly directory?: string;
}

export class ApartPlaces {
  readonly #init: ApartPlacesInit;
  readonly #directory: string;
  readonly #scratches = new WeakMap<HostedJob, string>();

  constructor(init: ApartPlacesInit) {
    this.#init = init;
    this.#directory = init.directory ?? '/tmp';
    sweep(this.#directory);
  }

  /** What the runner is told besides the command. */
  begin(job: HostedJob): Partial<RunSpec> {
    const { socketPath } = this.#init;
    if (job.offer.traced || socketPath === undefined) return {};
    const kept = dirname(socketPath);
    let scratch: string | undefined;
    try {
      scratch = mkdtempSync(join(this.#directory, `${prefix}${process.pid}-`));
      for (const [index, place] of ownPlaces.entries()) {
        const { share, cwd } = job.offer;
        if (!isPlain(place) || isBelow(place, share) || isBelow(place, cwd)) continue;
        makePlace(join(scratch, String(index)), isBelow(place, kept) ? kept.slice(place.length + 1) : '');
      }
    } catch {
      // No room, or no right to: then it runs as it would where namespaces cannot be made.
      if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
      return {};
    }
    this.#scratches.set(job, scratch);
    return { apart: fromBytes(Buffer.from(scratch)), kept: fromBytes(Buffer.from(kept)) };
  }

  /**
   * Its command has ended: sends home what it left.
   *
   * @param left - processes that live on; they keep their places.
   * @returns why it was not sent, if it was not.
   */
  async conclude(job: HostedJob, left: number): Promise<string | undefined> {
    const scratch = this.#scratches.get(job);
    if (scratch === undefined) return undefined;
    this.#scratches.delete(job);
    try {
      const found = this.#leftIn(scratch);
      if (found === undefined) return undefined;
      try {
        const areas = ownPlaces.map((place) => `--area=${place}`);
        await promisify(execFile)(this.#init.program, [`--scratch=${scratch}`, ...areas], {
          timeout: reportTimeoutMs,
        });
        await job.sendWritten(scratch, ownPlaces);
        return undefined;
      } catch (error) {
        return `it left ${toText(found)} there, which could not be sent: ${String(error)}`;
      }
    } finally {
      if (left === 0) await remove(scratch);
    }
  }

  /** Nobody wants what it left. */
  forget(job: HostedJob): void {
    const scratch = this.#scratches.get(job);
    this.#scratches.delete(job);
    if (scratch !== undefined) void remove(scratch);
  }

  /** One of the names that the command left. */
  #leftIn(scratch: string): string | undefined {
    const kept = dirname(this.#init.socketPath ?? '/');
    for (const [index, place] of ownPlaces.entries()) {
      const own = join(scratch, String(index), 'u');
      if (isBelow(place, kept)) removeEmpty(own, kept.slice(place.length + 1));
      const [name] = namesIn(own);
      if (name !== undefined) return join(place, name);
    }
    return undefined;
  }
}

/** A directory, not a link to another one. */
function isPlain(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** @param kept - what is to be made in it. */
function makePlace(path: string, kept: string): void {
  const own = join(path, 'u');
  mkdirSync(own, { recursive: true, mode: 0o700 });
  if (kept !== '') mkdirSync(join(own, kept), { recursive: true, mode: 0o700 });
  // As such places are; nobody else comes here, as the directory around it is the user's alone.
  chmodSync(own, 0o1777);
}

/** Removes what was made for what is kept, innermost first. */
function removeEmpty(own: string, kept: string): void {
  try {
    for (let at = kept; at !== '.' && at !== ''; at = dirname(at)) rmdirSync(join(own, at));
  } catch {
    // The command made something in there, or took it away: that is found as all else is.
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Never rejects. */
async function remove(scratch: string): Promise<void> {
  await rm(scratch, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined); // swept another day
}

/** What peers of this user left that were killed, or whose jobs' processes lived on. */
function sweep(directory: string): void {
  const uid = process.getuid?.();
  for (const name of namesIn(directory)) {
    if (!name.startsWith(prefix)) continue;
    const found = lstatSync(join(directory, name), { throwIfNoEntry: false });
    if (found === undefined || found.uid !== uid || Date.now() - found.mtimeMs < abandonedMs) continue;
    void remove(join(directory, name));
  }
}
