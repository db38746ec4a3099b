/** What comes on a control stream, taken apart: beats are answered here, the rest is handed on. */
import { encodeBeatAck, parseBeat, parseBeatAck } from '../wire/control-messages.ts';
import type { Frame } from '../wire/frame.ts';
import type { ControlFrame } from './contract.ts';
import type { Link } from './link.ts';

/** Beats beyond the budget, in the life of a connection, after which it ends. */
const mostExcessBeats = 256;

/** What the control channel lets pass. */
type AnyControlFrame = Frame & {
  readonly type: ControlFrame['type'] | 'HELLO' | 'BEAT' | 'BEAT_ACK' | 'BYE';
};

export interface ControlHandlers {
  readonly nowMs: () => number;
  readonly onHello: (payload: Uint8Array) => void;
  /** To one of our beats. */
  readonly onAnswer: (beat: number) => void;
  readonly onTold: (frame: ControlFrame) => void;
}

/** A hello comes first and once; anything else is garbage. */
export function takeControlFrame(link: Link, any: Frame, handlers: ControlHandlers): void {
  const frame = any as AnyControlFrame;
  if ((frame.type === 'HELLO') === (link.hello !== undefined)) {
    link.control?.garbage(new Error(`a ${frame.type} frame has no place here`));
    return;
  }
  switch (frame.type) {
    case 'HELLO':
      handlers.onHello(frame.payload);
      return;
    case 'BEAT':
      if (link.beats.take(1, handlers.nowMs())) {
        link.control?.send('BEAT_ACK', encodeBeatAck(parseBeat(frame.payload)));
        return;
      }
      // One that was late, with all that it had to say at once, is forgiven.
      link.excessBeats += 1;
      if (link.excessBeats > mostExcessBeats) link.control?.garbage(new Error('too many beats'));
      return;
    case 'BEAT_ACK':
      handlers.onAnswer(parseBeatAck(frame.payload));
      return;
    case 'BYE':
      link.saidBye = true;
      void link.close();
      return;
    case 'GOSSIP':
    case 'WANT':
    case 'FREE':
    case 'SHARES':
    case 'KNOWN':
    case 'PAIR':
    case 'EXAMINE':
    case 'EXAMINED':
      handlers.onTold(frame as ControlFrame);
  }
}
