/** The local socket of the user who calls. */
import { socketPath } from '../local/socket-path.ts';

export function localSocket(): string {
  return socketPath(process.env, process.getuid?.() ?? 0);
}
