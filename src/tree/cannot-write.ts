/** What is said when what a job wrote elsewhere cannot be written here. */
import { SwarmError } from '../core/swarm-error.ts';
import { type ByteString, toText } from '../wire/bytes.ts';

export function cannotWrite(path: ByteString, error: unknown): SwarmError {
  if (error instanceof SwarmError) return error;
  // Node names the hidden file after the comma.
  const [why] = (error instanceof Error ? error.message : String(error)).split(',');
  const message = `'${toText(path)}', which the command wrote elsewhere, cannot be written here (${why}).`;
  return new SwarmError('E_TREE', message, { cause: error });
}
