/** What comes on a control stream, taken apart: beats are answered here, the rest is handed on. */
import { encodeBeatAck, parseBeat, parseBeatAck } from '../wire/control-messages.ts';
import type { Frame } from '../wire/frame.ts';
import type { ControlFrame } from './contract.ts';
import type { Link } from './link.ts';

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
      // A peer that sends more is alive; it need not be told that this one is, so often.
      if (link.beats.take(1, handlers.nowMs()))
        link.control?.send('BEAT_ACK', encodeBeatAck(parseBeat(frame.payload)));
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
      handlers.onTold(frame as ControlFrame);
  }
}
