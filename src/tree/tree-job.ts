/** A job in a served tree: what to start in place of its command, and what it left. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ByteString, fromBytes } from '../wire/bytes.ts';
import { type JobReport, type LeftRecord, parseJobReport } from '../wire/job-report.ts';
import type { TreePlace } from './tree-mount.ts';

/** What a job needs besides its command. */
export interface TreeJob {
  readonly place: TreePlace;
  /** A directory of this job alone, see TreeMount.scratchOf. */
  readonly scratch: string;
  readonly cwd: ByteString;
  readonly hostName: ByteString;
  /** See poolIn. */
  readonly pool: string;
  /** Signals that it blocks, as a mask. */
  readonly blocked: string;
  /** Real paths that it may write below; none of them below another. */
  readonly areas: readonly ByteString[];
}

/** The command line that runs `argv` in the tree; to be started in `/`, with the environment of the command. */
export function treeJobArgv(program: string, job: TreeJob, argv: readonly ByteString[]): ByteString[] {
  const bytes = (path: string): ByteString => fromBytes(Buffer.from(path));
  return [
    bytes(program),
    `--pid=${job.place.pid}`,
    `--mount-namespace=${job.place.mountNamespace}`,
    `--tree=${bytes(job.place.tree)}`,
    `--scratch=${bytes(job.scratch)}`,
    `--cwd=${job.cwd}`,
    `--host=${job.hostName}`,
    `--blocked=${job.blocked}`,
    `--pool=${bytes(job.pool)}`,
    ...job.areas.map((area) => `--area=${area}`),
    '--',
    ...argv,
  ];
}

/** What a job left: swarmjob's report, and where the content of its files lies. */
export interface LeftByJob extends Pick<TreeJob, 'scratch' | 'areas'> {
  readonly bytes: Uint8Array;
  readonly report: JobReport;
}

/**
 * Reads the report of a job that is over. It lies on a local disk, as no other can be an overlay's upper side, and was
 * written a moment ago: to read it by a thread takes four hops for a few microseconds of work.
 *
 * @throws FrameError, or an error of the file system
 */
export function readLeft(job: Pick<TreeJob, 'scratch' | 'areas'>): LeftByJob {
  const bytes = readFileSync(join(job.scratch, 'report'));
  return { scratch: job.scratch, areas: job.areas, bytes, report: parseJobReport(bytes) };
}

/** Where on this machine the content of a file lies that a job left. */
export function contentPathOf(job: Pick<TreeJob, 'scratch' | 'areas'>, record: LeftRecord): ByteString {
  const area = job.areas[record.area] ?? '';
  return `${fromBytes(Buffer.from(job.scratch))}/${record.area}/u${record.path.slice(area.length)}`;
}
