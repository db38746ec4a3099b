/**
 * Schemas of the fields that messages are made of, and what turns a payload into a value of a schema and back. Every
 * string and every list has a limit; fields that are not known are dropped.
 */
import * as v from 'valibot';
import { type ByteString, joinNul, splitNul } from './bytes.ts';
import { FrameError, type FrameName, madePayload, type Payload } from './frame.ts';
import { maxKeys, maxPathBytes, maxTextLength } from './limits.ts';

type ReadonlyDeep<T> = T extends readonly unknown[] | object
  ? { readonly [Key in keyof T]: ReadonlyDeep<T[Key]> }
  : T;
type AnySchema = v.GenericSchema<unknown, unknown>;

/** What a message says, at both ends. */
export type ValueOf<Schema extends v.GenericSchema> = ReadonlyDeep<v.InferOutput<Schema>>;
/** What stands in its JSON. */
export type WireOf<Schema extends v.GenericSchema> = ReadonlyDeep<v.InferInput<Schema>>;

export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const small = v.pipe(count, v.maxValue(65_535));
/** Printable ASCII without quote and backslash, so that it is no longer as JSON than it is. */
export const plain = v.pipe(v.string(), v.regex(/^[ !#-[\]-~]*$/u, 'has characters that are not allowed'));
/** Text for people. */
export const text = v.pipe(v.string(), v.maxLength(maxTextLength));
export const byteString = v.pipe(v.string(), v.check(isByteString, 'is not a string of bytes'));
export const path = v.pipe(byteString, v.maxLength(maxPathBytes));
/** A mask of 64 signals, hexadecimal. */
export const mask = v.pipe(v.string(), v.regex(/^[0-9a-fA-F]{1,16}$/u, 'is not a mask of signals'));
/** Resource limits of a process, see src/native/limits.h. */
export const limits = v.pipe(
  v.string(),
  v.regex(/^(?:[a-z]{2,10}:(?:\d{1,20}|-):(?:\d{1,20}|-)(?:,(?!$)|$)){0,16}$/u, 'is not a list of limits'),
);
/** 32 bytes, base64: a hash, a nonce, or the raw Ed25519 public key of a machine. */
export const bytes32 = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{43}=$/u, 'is not 32 bytes of base64'));
/** By such a key, base64. */
export const signature = v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{86}==$/u, 'is not a signature'));
/** What a machine is called; also the name of a file. */
export const machineName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u, 'is not the name of a machine'),
);
export const umask = v.pipe(count, v.maxValue(0o777));

/** A list of at most so many; a longer one is refused before anything is looked at that it holds. */
export function listOf<Item extends AnySchema>(
  item: Item,
  most: number,
): v.GenericSchema<v.InferInput<Item>[], v.InferOutput<Item>[]> {
  return v.pipe(
    v.custom<v.InferInput<Item>[]>(Array.isArray, 'is not a list'),
    v.maxLength(most),
    v.array(item),
  );
}

/** One character for each byte, and no NUL: it ends every string of the system. */
function isByteString(value: string): boolean {
  for (let at = 0; at < value.length; at += 1) {
    const code = value.charCodeAt(at);
    if (code === 0 || code > 0xff) return false;
  }
  return true;
}

// JSON

const textDecoder = new TextDecoder('utf-8', { fatal: true });

/**
 * A JSON payload as a value of `schema`.
 *
 * @param type - names the message in the error.
 * @throws FrameError if it is not JSON or not of this shape; the connection it came on must end.
 */
export function parseJson<Schema extends AnySchema>(
  type: FrameName,
  schema: Schema,
  payload: Uint8Array,
): ValueOf<Schema> {
  return check(type, schema, parseAnyJson(type, payload));
}

/** A JSON payload as whatever it is. @throws FrameError if it is not JSON. */
export function parseAnyJson(type: FrameName, payload: Uint8Array): unknown {
  try {
    return JSON.parse(textDecoder.decode(payload));
  } catch {
    throw new FrameError(`a ${type} message of ${payload.length} bytes is not JSON`);
  }
}

function check<Schema extends AnySchema>(type: FrameName, schema: Schema, value: unknown): ValueOf<Schema> {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output as ValueOf<Schema>;
  const [issue] = parsed.issues;
  const at = v.getDotPath(issue);
  throw new FrameError(
    `a ${type} message is malformed${at === null ? '' : ` at ${at.slice(0, 100)}`}: ${issue.message.slice(0, 200)}`,
  );
}

/** The JSON payload of a message. Give it what {@link WireOf} says of the message's schema. */
export function encodeJson<Type extends FrameName>(value: object): Payload<Type> {
  return madePayload(Buffer.from(JSON.stringify(value), 'utf8'));
}

// key=value strings

/** Key=value strings as a value of `schema`. @throws FrameError if a key is missing, doubled or has no meaning. */
export function parsePairs<Schema extends AnySchema>(
  type: FrameName,
  schema: Schema,
  payload: Uint8Array,
): ValueOf<Schema> {
  let items: ByteString[];
  try {
    items = splitNul(payload, maxKeys);
  } catch (error) {
    throw new FrameError(
      `a ${type} message is malformed: ${error instanceof Error ? error.message : 'cut off'}`,
    );
  }
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const item of items) {
    const at = item.indexOf('=');
    if (at < 1) throw new FrameError(`a ${type} message has a string that is not key=value`);
    const key = item.slice(0, at);
    if (key in fields) throw new FrameError(`a ${type} message has ${key.slice(0, 64)} twice`);
    fields[key] = item.slice(at + 1);
  }
  return check(type, schema, { ...fields });
}

/** The key=value strings of a message. */
export function encodePairs<Type extends FrameName>(
  pairs: Readonly<Record<string, string | number>>,
): Payload<Type> {
  return madePayload(joinNul(Object.entries(pairs).map(([key, value]) => `${key}=${value}`)));
}
