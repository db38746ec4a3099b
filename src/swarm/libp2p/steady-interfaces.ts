/**
 * `networkInterfaces` of node:os that never throws: without a descriptor left it gives what it gave last. libp2p's packages
 * call it in timers and listeners, where an error would end the process.
 * Must be imported before anything of libp2p.
 */
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

const look = os.networkInterfaces;
let last: ReturnType<typeof look> = {};

os.networkInterfaces = () => {
  try {
    last = look();
  } catch {
    // EMFILE: the interfaces of a machine change rarely.
  }
  return last;
};
syncBuiltinESMExports();
