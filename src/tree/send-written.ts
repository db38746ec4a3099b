/** Sends home what a served job has written: swarmjob's report, then the content of each file in its order. */
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ByteString, toBytes } from '../wire/bytes.ts';
import { frameLimits, type PayloadArguments } from '../wire/frame.ts';
import { hasOwnContent, parseJobReport } from '../wire/job-report.ts';
import { encodeWritten } from '../wire/written-messages.ts';
import { contentPathOf } from './tree-job.ts';

/** Longest wait for a submitter that takes nothing. */
const idleTimeoutMs = 30_000;

/** The part of a job's stream that is needed to send. */
export interface WrittenSink {
  send<Type extends 'WRITTEN' | 'BLOB'>(type: Type, ...payload: PayloadArguments<Type>): boolean;
  onDrain: () => void;
}

/** A stream, and the signal that tells its end: nothing drains any more then. */
interface Way {
  readonly sink: WrittenSink;
  readonly gone: AbortSignal;
}

/**
 * Comes after the job's end. Waits whenever enough is on its way.
 *
 * @param scratch - of this job, with swarmjob's report in it.
 * @param areas - as swarmjob was given them.
 * @param gone - the stream is over.
 * @throws Error if the submitter is gone or takes nothing for too long, or a file is not as the report says.
 */
export async function sendWritten(
  scratch: string,
  areas: readonly ByteString[],
  sink: WrittenSink,
  gone: AbortSignal,
): Promise<void> {
  const way: Way = { sink, gone };
  const report = await readFile(join(scratch, 'report'));
  const files = parseJobReport(report).records.filter(hasOwnContent);
  await said(
    way,
    sink.send(
      'WRITTEN',
      encodeWritten({
        reportBytes: report.length,
        contentBytes: files.reduce((sum, { attributes }) => sum + attributes.sizeBytes, 0),
        startedMs: await startOf(scratch),
        sentMs: Date.now(),
      }),
    ),
  );
  for (let at = 0; at < report.length; at += frameLimits.BLOB)
    await said(way, sink.send('BLOB', report.subarray(at, at + frameLimits.BLOB)));
  for (const file of files)
    await sendFile(contentPathOf({ scratch, areas }, file), file.attributes.sizeBytes, way);
}

/** Before anything was written: swarmjob's last act before it starts a command is to make its layers. */
async function startOf(scratch: string): Promise<number> {
  try {
    return Math.floor((await stat(join(scratch, '0'))).mtimeMs);
  } catch (error) {
    // There is no layer to write to, so there is no file whose time counts.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Date.now();
    throw error;
  }
}

async function sendFile(path: ByteString, sizeBytes: number, way: Way): Promise<void> {
  const file = await open(toBytes(path), 'r');
  try {
    for (let leftBytes = sizeBytes; leftBytes > 0; ) {
      const piece = Buffer.allocUnsafe(Math.min(leftBytes, frameLimits.BLOB));
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) throw new Error('a file that a job wrote has become shorter since its end');
      leftBytes -= bytesRead;
      await said(way, way.sink.send('BLOB', piece.subarray(0, bytesRead)));
    }
  } finally {
    await file.close();
  }
}

async function said({ sink, gone }: Way, hasRoom: boolean): Promise<void> {
  gone.throwIfAborted();
  if (hasRoom) return;
  await new Promise<void>((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer);
      gone.removeEventListener('abort', onGone);
      settle();
    };
    const onGone = () => end(() => reject(gone.reason));
    const timer = setTimeout(
      () => end(() => reject(new Error(`the submitter took nothing of it for ${idleTimeoutMs} ms`))),
      idleTimeoutMs,
    );
    gone.addEventListener('abort', onGone);
    sink.onDrain = () => end(resolve);
  });
}
