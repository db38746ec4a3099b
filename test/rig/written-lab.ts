/** What a job of a tree lab wrote, sent over a stream in memory and taken in by its submitter. */

import type { Disk } from '../../src/share/disk.ts';
import { WrittenFiles } from '../../src/tree/receive-written.ts';
import { sendWritten } from '../../src/tree/send-written.ts';
import { readLeft } from '../../src/tree/tree-job.ts';
import { createChannelPair } from './fake-channel.ts';
import type { TreeJobResult } from './tree-lab.ts';

/** All has come; it is for the caller to commit or drop. */
export async function bringHome(
  { job }: Pick<TreeJobResult, 'job'>,
  startedAtMs: number,
  disk: Disk,
): Promise<WrittenFiles> {
  const written = new WrittenFiles({ disk, areas: job.areas, startedAtMs });
  const { submitter, worker } = createChannelPair({ submitter: 'm1', worker: 'm2' });
  const taken = new Promise<void>((resolve, reject) => {
    submitter.onFrame = (frame) => {
      submitter.pause();
      written.take(frame).then(() => {
        submitter.resume();
        if (written.isWhole) resolve();
      }, reject);
    };
  });
  await Promise.all([sendWritten(readLeft(job), worker, new AbortController().signal), taken]);
  return written;
}
