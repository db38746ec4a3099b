/** Sends home what a served job has written: the report of swarmjob, then the content of each file in its order. */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ByteString, toBytes } from '../wire/bytes.ts';
import { frameLimits, type PayloadArguments } from '../wire/frame.ts';
import { encodeAck } from '../wire/job-messages.ts';
import { parseJobReport } from '../wire/tree-messages.ts';
import { contentPathOf } from './tree-job.ts';

/** Longest wait for a submitter that takes nothing. */
const idleTimeoutMs = 30_000;

/** The part of a job's stream that is needed to send. */
export interface WrittenSink {
  send<Type extends 'ACK' | 'BLOB'>(type: Type, ...payload: PayloadArguments<Type>): boolean;
  onDrain: () => void;
}

/** @throws Error if the submitter takes nothing for too long, or a file is not as the report says. */
export async function sendWritten(
  scratch: string,
  areas: readonly ByteString[],
  sink: WrittenSink,
): Promise<void> {
  const report = await readFile(join(scratch, 'report'));
  await said(sink, sink.send('ACK', encodeAck({ sizeBytes: report.length })));
  for (let at = 0; at < report.length; at += frameLimits.BLOB)
    await said(sink, sink.send('BLOB', report.subarray(at, at + frameLimits.BLOB)));
  for (const record of parseJobReport(report).records) {
    if (record.kind !== 'file' || record.sameAs !== undefined) continue;
    await sendFile(contentPathOf({ scratch, areas }, record), record.attributes.sizeBytes, sink);
  }
}

async function sendFile(path: ByteString, sizeBytes: number, sink: WrittenSink): Promise<void> {
  const file = await open(toBytes(path), 'r');
  try {
    for (let leftBytes = sizeBytes; leftBytes > 0; ) {
      const piece = Buffer.allocUnsafe(Math.min(leftBytes, frameLimits.BLOB));
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) throw new Error('a file that a job wrote has become shorter');
      leftBytes -= bytesRead;
      await said(sink, sink.send('BLOB', piece.subarray(0, bytesRead)));
    }
  } finally {
    await file.close();
  }
}

async function said(sink: WrittenSink, hasRoom: boolean): Promise<void> {
  if (hasRoom) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the submitter takes nothing')), idleTimeoutMs);
    sink.onDrain = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
