/**
 * What libp2p rejects with, as an Error: some of its promises (`stream.close()`) reject with an Event that has
 * neither name nor message, and a dial to several addresses with one Error that hides the others.
 */
export function toError(thrown: unknown): Error {
  if (thrown instanceof AggregateError) {
    return new Error(thrown.errors.map((each) => toError(each).message).join('; ') || thrown.message, {
      cause: thrown,
    });
  }
  if (thrown instanceof Error) return thrown;
  if (typeof thrown === 'object' && thrown !== null) {
    if ('error' in thrown && thrown.error instanceof Error) return thrown.error;
    if ('type' in thrown && typeof thrown.type === 'string') {
      return new Error(`the stream ended by a "${thrown.type}" event`, { cause: thrown });
    }
  }
  return new Error(String(thrown), { cause: thrown });
}
