/**
 * The six digits that two machines show when they are paired. Each end commits itself to its key and a nonce before the
 * other reveals its own: so nobody between the two can choose what it shows to one by what it has seen of the other.
 */
import { createHash } from 'node:crypto';

/** What one end reveals. */
export interface Revealed {
  /** PeerId, which noise has proven. */
  readonly peer: string;
  /** Lasting public key of its machine, base64. */
  readonly key: string;
  /** 32 random bytes, base64. */
  readonly nonce: string;
  readonly name: string;
}

/** @returns 32 bytes, base64. */
export function commitmentTo({ peer, key, nonce, name }: Revealed): string {
  return hash('buildswarm pair commitment 1', peer, key, nonce, name).toString('base64');
}

/** The same for both ends, whichever of them asks. */
export function sixDigits(one: Revealed, other: Revealed): string {
  const ends = [one, other]
    .map(({ peer, key, nonce, name }) => [peer, key, nonce, name].join('\n'))
    .toSorted();
  // 48 bits: the remainder is as good as even.
  const number = hash('buildswarm pair digits 1', ...ends).readUIntBE(0, 6) % 1_000_000;
  return String(number).padStart(6, '0');
}

/** None of the parts holds an empty line; most hold no line at all. */
function hash(...parts: readonly string[]): Buffer {
  return createHash('sha256').update(parts.join('\n\n'), 'utf8').digest();
}
