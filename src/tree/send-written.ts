/** Sends home what a served job has written: swarmjob's report, then the content of each file in its order. */
import { closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ByteString, toBytes } from '../wire/bytes.ts';
import { frameLimits, type PayloadArguments } from '../wire/frame.ts';
import { hasOwnContent } from '../wire/job-report.ts';
import { encodeWritten } from '../wire/written-messages.ts';
import { contentPathOf, type LeftByJob } from './tree-job.ts';

/** A file of no more than this is read at once, as the report is (see readLeft): what a compile wrote leaves in one packet. */
const smallBytes = 64 * 1024;
/** For so many such files nothing else is done. */
const filesATurn = 32;
/** Longest wait for a submitter that takes nothing. */
const idleTimeoutMs = 30_000;

/** What the command left running may have put a link or a pipe in its place meanwhile: neither is to be followed or waited for. */
const asFile = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const shorter = 'a file that a job wrote has become shorter since its end';

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
 * @param gone - the stream is over.
 * @throws Error if the submitter is gone or takes nothing for too long, or a file is not as the report says.
 */
export async function sendWritten(left: LeftByJob, sink: WrittenSink, gone: AbortSignal): Promise<void> {
  const way: Way = { sink, gone };
  const { bytes: report } = left;
  const files = left.report.records.filter(hasOwnContent);
  await said(
    way,
    sink.send(
      'WRITTEN',
      encodeWritten({
        reportBytes: report.length,
        contentBytes: files.reduce((sum, { attributes }) => sum + attributes.sizeBytes, 0),
        startedMs: startOf(left.scratch),
        sentMs: Date.now(),
      }),
    ),
  );
  for (let at = 0; at < report.length; at += frameLimits.BLOB)
    await said(way, sink.send('BLOB', report.subarray(at, at + frameLimits.BLOB)));
  for (const [index, file] of files.entries()) {
    if (index % filesATurn === filesATurn - 1) await nextTurn();
    const path = contentPathOf(left, file);
    const { sizeBytes } = file.attributes;
    if (sizeBytes > smallBytes) await sendFile(path, sizeBytes, way);
    else if (sizeBytes > 0) await said(way, sink.send('BLOB', readSmall(path, sizeBytes)));
  }
}

/** Before anything was written: swarmjob's last act before it starts a command is to make its layers. */
function startOf(scratch: string): number {
  const layer = statSync(join(scratch, '0'), { throwIfNoEntry: false });
  // Where there is no layer to write to, there is no file whose time counts.
  return layer === undefined ? Date.now() : Math.floor(layer.mtimeMs);
}

function readSmall(path: ByteString, sizeBytes: number): Uint8Array {
  const content = Buffer.allocUnsafe(sizeBytes);
  const file = openSync(toBytes(path), asFile);
  try {
    for (let at = 0; at < sizeBytes; ) {
      const read = readSync(file, content, at, sizeBytes - at, null);
      if (read === 0) throw new Error(shorter);
      at += read;
    }
  } finally {
    closeSync(file);
  }
  return content;
}

async function sendFile(path: ByteString, sizeBytes: number, way: Way): Promise<void> {
  const file = await open(toBytes(path), asFile);
  try {
    for (let leftBytes = sizeBytes; leftBytes > 0; ) {
      const piece = Buffer.allocUnsafe(Math.min(leftBytes, frameLimits.BLOB));
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) throw new Error(shorter);
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
