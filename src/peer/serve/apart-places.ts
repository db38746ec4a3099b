/**
 * Opaque commands get places of their own for what is temporary (core/own-places.ts): what they leave there is not left on
 * this machine alone, but sent home. Where that cannot be, a command runs in the machine's own, and its submitter is told.
 */
import { execFile } from 'node:child_process';
import { lstatSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { getSystemErrorName, promisify } from 'node:util';
import { ownPlaces } from '../../core/own-places.ts';
import { isBelow } from '../../core/paths.ts';
import { readLeft } from '../../tree/tree-job.ts';
import { fromBytes, toText } from '../../wire/bytes.ts';
import type { RunSpec } from '../../work/runner.ts';
import { ApartScratch } from './apart-scratch.ts';
import type { HostedJob } from './hosted-job.ts';

/** All that a job left is read once. */
const reportTimeoutMs = 60_000;

export interface ApartPlacesInit {
  /** swarmjob, compiled. */
  readonly program: string;
  /** Where the runner is reached; undefined: it cannot do this. */
  readonly socketPath: string | undefined;
}

export class ApartPlaces {
  readonly #init: ApartPlacesInit;
  readonly #scratches = new WeakMap<HostedJob, ApartScratch>();

  constructor(init: ApartPlacesInit) {
    this.#init = init;
    void ApartScratch.sweep();
  }

  /** What the runner is told besides the command. */
  begin(job: HostedJob): Partial<RunSpec> {
    const { socketPath } = this.#init;
    const { traced, share, cwd } = job.offer;
    if (traced) return {};
    if (socketPath === undefined) {
      job.notApart = 'the runner there cannot make namespaces';
      return {};
    }
    const kept = dirname(socketPath);
    const real = ownPlaces.map(realDirectory);
    // What several places lead to is covered once.
    const isFirst = (place: string | undefined, index: number): boolean => real.indexOf(place) === index;
    const holdsTree = (place: string): boolean => isBelow(place, share) || isBelow(place, cwd);
    const covered = real.map((place, index) =>
      place !== undefined && isFirst(place, index) && !holdsTree(place) ? place : undefined,
    );
    const open = real.find((place) => place !== undefined && holdsTree(place));
    if (open !== undefined) job.notApart = `the shared tree lies in ${open}`;
    try {
      const scratch = ApartScratch.make(covered, kept);
      this.#scratches.set(job, scratch);
      return { apart: fromBytes(Buffer.from(scratch.path)), kept: fromBytes(Buffer.from(kept)) };
    } catch (error) {
      job.notApart = String(error);
      return {};
    }
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
      const found = scratch.leftIn();
      if (found === undefined) return undefined;
      try {
        const areas = ownPlaces.map((place) => `--area=${place}`);
        await promisify(execFile)(this.#init.program, [`--scratch=${scratch.path}`, ...areas], {
          timeout: reportTimeoutMs,
          signal: job.gone,
        });
        const list = readLeft({ scratch: scratch.path, areas: ownPlaces });
        const { listErrno, records } = list.report;
        if (listErrno !== 0) throw new Error(`it could not be listed: ${getSystemErrorName(-listErrno)}`);
        if (records.some(({ extended }) => extended)) throw new Error('it has extended attributes');
        await job.sendWritten(list);
        return undefined;
      } catch (error) {
        return `it left ${toText(found)} there, which could not be sent: ${String(error)}`;
      }
    } finally {
      if (left === 0) await scratch.remove();
    }
  }

  /** Nobody wants what it left. Never rejects. */
  async forget(job: HostedJob): Promise<void> {
    const scratch = this.#scratches.get(job);
    this.#scratches.delete(job);
    await scratch?.remove();
  }
}

/** Where it leads, if that is a directory. */
function realDirectory(path: string): string | undefined {
  try {
    const real = realpathSync(path);
    return lstatSync(real).isDirectory() ? real : undefined;
  } catch {
    return undefined; // no program finds it either
  }
}
