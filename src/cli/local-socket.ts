/** The local socket of the user who calls. */
import { userInfo } from 'node:os';
import { socketPath } from '../local/socket-path.ts';

export function localSocket(): string {
  return socketPath(process.env, userInfo().uid);
}
