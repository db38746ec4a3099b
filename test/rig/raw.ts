import { type FrameName, madePayload, type Payload } from '../../src/wire/frame.ts';

/** A payload that no encoder made, for tests that send what no peer would. A string has one character a byte. */
export function raw<Type extends FrameName>(bytes: Uint8Array | string): Payload<Type> {
  return madePayload(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
}

/** A payload of any JSON. */
export function rawJson<Type extends FrameName>(value: unknown): Payload<Type> {
  return madePayload(Buffer.from(JSON.stringify(value), 'utf8'));
}
