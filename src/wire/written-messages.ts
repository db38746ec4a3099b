/** What a served command has written, on the stream of its job: WRITTEN, then swarmjob's report and contents as BLOBs. */
import * as v from 'valibot';
import type { Payload } from './frame.ts';
import { maxReportBytes, maxWrittenBytes } from './limits.ts';
import { count, encodeJson, parseJson, type ValueOf, type WireOf } from './schema.ts';

const writtenSchema = v.object({
  /** Of the report that follows first. */
  reportBytes: v.pipe(count, v.maxValue(maxReportBytes)),
  /** Of the contents that follow it: of each file with a content of its own, in the order of the report. */
  contentBytes: v.pipe(count, v.maxValue(maxWrittenBytes)),
  /** When the command began and when this was sent, by the worker's clock: ms since 1970. */
  startedMs: count,
  sentMs: count,
});
export type WrittenHead = ValueOf<typeof writtenSchema>;

export function encodeWritten(head: WrittenHead): Payload<'WRITTEN'> {
  return encodeJson<'WRITTEN'>(head satisfies WireOf<typeof writtenSchema>);
}
/** @throws FrameError */
export function parseWritten(payload: Uint8Array): WrittenHead {
  return parseJson('WRITTEN', writtenSchema, payload);
}
