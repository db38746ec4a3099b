/**
 * Byte strings: arguments, environment entries and paths are bytes, not text. Everywhere in buildswarm they
 * are JavaScript strings of which each character is one byte (latin1), so that non-UTF-8 names survive, pure
 * code can use string functions, and ASCII looks like itself. Only here are they made from and turned to bytes.
 */
export type ByteString = string;

/** A byte string as the bytes it stands for; what every `node:fs` call must be given. */
export function toBytes(text: ByteString): Buffer {
  return Buffer.from(text, 'latin1');
}

/** The byte string that stands for `bytes`. */
export function fromBytes(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** A byte string as text for people: UTF-8 where it is UTF-8. */
export function toText(text: ByteString): string {
  return toBytes(text).toString('utf8');
}

/** Text (UTF-8, from a command line or setting) as a byte string. */
export function fromText(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Joins byte strings, each ended by a NUL; the shape of ARGV, ENV and key=value payloads. */
export function joinNul(items: readonly ByteString[]): Buffer {
  return items.length === 0 ? Buffer.alloc(0) : toBytes(`${items.join('\0')}\0`);
}

/**
 * Splits what {@link joinNul} joined.
 *
 * @throws RangeError if the last item is not ended by a NUL, or there are more than `maxItems`.
 */
export function splitNul(payload: Uint8Array, maxItems: number): ByteString[] {
  if (payload.length === 0) return [];
  if (payload[payload.length - 1] !== 0) throw new RangeError('the last of a list of strings is cut off');
  const items = fromBytes(payload.subarray(0, -1)).split('\0');
  if (items.length > maxItems)
    throw new RangeError(`${items.length} strings, more than the ${maxItems} allowed`);
  return items;
}
