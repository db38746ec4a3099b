/** Facts as they were read last: most files are what they were at the last look, and then it is the very same object. */
import { BoundedMap } from '../core/bounded-map.ts';
import type { NamedFact } from '../core/view/contract.ts';
import type { ByteString } from '../wire/bytes.ts';
import { parseRecord } from './look-answer.ts';

/** More are forgotten, those first that were read first. */
const mostKnown = 65_536;

export class KnownFacts {
  readonly #known = new BoundedMap<ByteString, { readonly record: ByteString; readonly named: NamedFact }>(
    mostKnown,
  );

  /** @param record - see src/native/fact.h. */
  of(path: ByteString, record: ByteString): NamedFact {
    const known = this.#known.get(path);
    if (known?.record === record) return known.named;
    const named = { path, fact: parseRecord(record) };
    // Not a part of what may be a long string: that would be kept as a whole.
    const own = Buffer.from(record, 'latin1').toString('latin1');
    this.#known.set(path, { record: own, named });
    return named;
  }
}
