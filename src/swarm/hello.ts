/**
 * The hello: the first frame of a control stream, both ways. A peer counts only after it; libp2p's dial succeeds
 * even where the other end is about to close.
 */
import * as v from 'valibot';
import { FrameError } from '../wire/frame.ts';
import { type Hello, parseHello, parseJson } from '../wire/messages.ts';

/** Of everything said on the control and job streams; peers with another number are shown and left alone. */
export const protocolNumber = 1;

const strangerSchema = v.object({
  protocol: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  version: v.pipe(v.string(), v.maxLength(64)),
});

export interface ReceivedHello {
  /** Of the program, e.g. 0.1.0; for people. */
  readonly version: string;
  /** Undefined if its sender speaks another protocol: nothing more is known of its shape. */
  readonly hello: Hello | undefined;
}

export function encodeHello(hello: Hello): Buffer {
  return Buffer.from(JSON.stringify({ protocol: protocolNumber, ...hello }), 'utf8');
}

/**
 * @param id - whom noise proved to be at the other end; the load report must be its own.
 * @throws FrameError that says what is wrong with it.
 */
export function readHello(payload: Uint8Array, id: string): ReceivedHello {
  const { protocol, version } = parseJson('HELLO', strangerSchema, payload);
  if (protocol !== protocolNumber) return { version, hello: undefined };
  const hello = parseHello(payload);
  if (hello.report.id !== id) throw new FrameError('a HELLO message has the load report of another peer');
  return { version, hello };
}
