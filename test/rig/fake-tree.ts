/**
 * Stands for the shared tree at the submitter: all below /share is a share that every machine sees alike. Commands are read
 * by core; what becomes of an attempt is what the test says.
 */
import { variablesOf } from '../../src/core/command/environment.ts';
import { readCommand } from '../../src/core/command/read-command.ts';
import { isBelow } from '../../src/core/paths.ts';
import type { AttemptRecord } from '../../src/peer/submit/attempt-record.ts';
import { Carried } from '../../src/peer/submit/carried.ts';
import { JobWrites } from '../../src/peer/submit/job-writes.ts';
import type { ServedPlace } from '../../src/peer/submit/served/own-trees.ts';
import type { Settlement } from '../../src/peer/submit/settlement.ts';
import type { SubmitterInit } from '../../src/peer/submit/submitter.ts';
import { Disk } from '../../src/share/disk.ts';
import type { Offer } from '../../src/wire/job-messages.ts';
import { plainOffer } from './plain-offer.ts';

export class FakeTree implements Pick<SubmitterInit, 'reader' | 'offers' | 'settling' | 'writes'> {
  readonly writes = new JobWrites();
  /** What becomes of attempts that end. */
  settlement: Settlement | Error = { kind: 'final', proven: true };
  /** What the putting together of offers, and the settling of attempts, waits for. */
  readonly waitsFor: { offers?: Promise<void>; settling?: Promise<void> } = {};
  /** Whether attempts run in this machine's files. */
  serves = false;
  /** Where jobs can be served; undefined: nowhere. */
  place: ServedPlace | undefined;
  /** Attempts for which an offer was asked. */
  readonly prepared: AttemptRecord[] = [];
  /** Workers that are not members. */
  readonly strangers = new Set<string>();
  /** Set: no command can be read. */
  unreadable: Error | undefined;
  /** Whether what is read may go only to workers that are shown this machine's files. */
  needsServing = false;
  /** Set: no view can be proven, for this reason. */
  unprovable: string | undefined;
  /** Set: what an attempt left cannot be taken away. */
  unremovable: Error | undefined;
  /** Set: what a worker refused cannot be noted. */
  unnotable: Error | undefined;
  /** What was taken away, as `job.attempt`. */
  readonly discarded: string[] = [];

  readonly reader: SubmitterInit['reader'] = {
    read: async ({ argv, environment, job: { cwd } }) => {
      if (this.unreadable !== undefined) throw this.unreadable;
      const { reading } = readCommand({ argv, cwd, env: variablesOf(environment) }, new Map());
      const share = isBelow('/share', cwd) ? '/share' : undefined;
      const inline = reading.inline ?? (share === undefined ? 'outside-share' : undefined);
      return await Promise.resolve({
        reading,
        argv,
        share,
        ...(this.place === undefined ? {} : { place: this.place }),
        needsServing: this.needsServing,
        inline,
        unslotted: reading.inline !== undefined,
        detail: undefined,
      });
    },
  };

  readonly offers: SubmitterInit['offers'] = {
    prepare: async (record) => {
      this.prepared.push(record);
      await this.waitsFor.offers;
      if (this.strangers.has(record.peer))
        return { kind: 'refused', refused: { code: 'not-member', detail: 'no member file' } };
      if (this.unprovable !== undefined) return { kind: 'inline', detail: this.unprovable };
      const { argv } = record.submission.request;
      record.submission.isServed = this.serves;
      record.leftovers = [tagOf(record)];
      return { kind: 'offer', argv, offer: offerOf(record) };
    },
    accepted: () => undefined,
    refused: () => {
      if (this.unnotable !== undefined) throw this.unnotable;
    },
    explain: (_record, refused) => Promise.resolve(refused),
    carried: () => new Carried(new Disk()),
  };

  readonly settling: SubmitterInit['settling'] = {
    settle: async (record) => {
      await this.waitsFor.settling;
      if (this.settlement instanceof Error) throw this.settlement;
      if (this.settlement.kind === 'final') record.leftovers = [];
      return this.settlement;
    },
    discard: (record) => {
      if (this.unremovable !== undefined) return Promise.reject(this.unremovable);
      this.discarded.push(...record.leftovers);
      record.leftovers = [];
      return Promise.resolve();
    },
  };
}

function tagOf({ submission, number }: AttemptRecord): string {
  return `${submission.id}.${number}`;
}

function offerOf({ submission: { id, demand, request }, number }: AttemptRecord): Offer {
  const { cwd, stdin } = request.job;
  return {
    ...plainOffer('/share'),
    job: id,
    attempt: number,
    cwd,
    stdin: stdin === 'pipe' ? 'pipe' : 'null',
    stdout: 'pipe',
    stderr: 'pipe',
    memoryBytes: demand.memoryBytes,
    kind: demand.kind,
  };
}
