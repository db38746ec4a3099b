/** Payloads that are one number, little endian. */
import { FrameError, type FrameName, madePayload, type Payload } from './frame.ts';

function need(type: FrameName, payload: Uint8Array, sizeBytes: number): DataView {
  if (payload.length !== sizeBytes)
    throw new FrameError(`a ${type} message has ${payload.length} bytes, not ${sizeBytes}`);
  return new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
}

export function encodeU32<Type extends FrameName>(value: number): Payload<Type> {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return madePayload(payload);
}

/** @throws FrameError if it is not 4 bytes long. */
export function parseU32(type: FrameName, payload: Uint8Array): number {
  return need(type, payload, 4).getUint32(0, true);
}

export function encodeU64<Type extends FrameName>(value: number): Payload<Type> {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64LE(BigInt(value));
  return madePayload(payload);
}

/** @throws FrameError if it is not 8 bytes long, or above 2^53. */
export function parseU64(type: FrameName, payload: Uint8Array): number {
  const value = Number(need(type, payload, 8).getBigUint64(0, true));
  if (!Number.isSafeInteger(value)) throw new FrameError(`a ${type} message has a number beyond 2^53`);
  return value;
}
