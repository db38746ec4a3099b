/** Where the local socket is: docs/PROTOCOL.md, section 1. The wrapper in C has the same rules. */

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a peer listens: `BUILDSWARM_SOCKET`, else below `XDG_RUNTIME_DIR`, else below /tmp. */
export function socketPath(env: Environment, uid: number): string {
  if (env['BUILDSWARM_SOCKET']) return env['BUILDSWARM_SOCKET'];
  if (env['XDG_RUNTIME_DIR']) return `${env['XDG_RUNTIME_DIR']}/buildswarm/peer.sock`;
  return `/tmp/buildswarm-${uid}/peer.sock`;
}

/**
 * Where the peer of this user may be, in the order in which it is looked for: cron, su and some ssh sessions have no
 * `XDG_RUNTIME_DIR`, whatever the peer was started with.
 */
export function socketPaths(env: Environment, uid: number): string[] {
  if (env['BUILDSWARM_SOCKET']) return [env['BUILDSWARM_SOCKET']];
  const runtime = [env['XDG_RUNTIME_DIR'], `/run/user/${uid}`].filter((path) => path);
  const below = [...new Set(runtime)].map((path) => `${path}/buildswarm/peer.sock`);
  return [...below, `/tmp/buildswarm-${uid}/peer.sock`];
}
