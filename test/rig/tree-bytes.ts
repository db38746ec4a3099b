/** What frames of the helpers of served trees are made of, for tests that write them by hand. */

export const u16 = (value: number): Buffer => Buffer.from(Uint16Array.of(value).buffer);
export const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
export const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
export const text = (value: string): Buffer =>
  Buffer.concat([u16(value.length), Buffer.from(value, 'latin1')]);
