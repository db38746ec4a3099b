/**
 * What can be set, from flags and `BUILDSWARM_…` variables, checked in one place. A flag wins over its variable.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import * as v from 'valibot';
import { SwarmError } from '../core/swarm-error.ts';
import { usableCores } from '../machine/load.ts';
import { pairingDirectory } from '../pairing/known-peers.ts';
import { maxBackgroundMs } from '../wire/limits.ts';

export interface Settings {
  /** Jobs at once on this machine, its own and others'. */
  readonly slots: number;
  /** Multiaddrs to listen on; empty: any address, a free port, IPv4 and IPv6. */
  readonly listen: readonly string[];
  /** Multiaddrs of peers to connect to, whatever discovery finds. */
  readonly peers: readonly string[];
  readonly mdns: boolean;
  readonly name: string;
  /** How long a job waits for the output of what its command left in the background. */
  readonly backgroundMs: number;
  readonly socketPath: string;
  /** Where other machines' files are kept while jobs run in them. */
  readonly cacheDirectory: string;
  /** Of contents, for each submitter's tree. */
  readonly treeCacheBytes: number;
  /** Shares that these directories lie in are joined at the start: the home directory and the one it was started in. */
  readonly joinDirectories: readonly string[];
  /** Names and absolute paths that no worker is shown, besides those of the code. */
  readonly neverServed: readonly string[];
  /** Where this machine's lasting key and the machines that are known to it lie. */
  readonly pairingDirectory: string;
}

/** Flags as the command line gives them; all optional. */
export interface Flags {
  readonly slots?: string;
  readonly listen?: readonly string[];
  readonly peer?: readonly string[];
  readonly mdns?: boolean;
  readonly name?: string;
  readonly background?: string;
  readonly neverServe?: readonly string[];
}

const bytesInGB = 1_000_000_000;
const maxPort = 65_535;

const multiaddr = v.pipe(
  v.string(),
  v.regex(
    /^\/(ip4|ip6|dns4|dns6|dns)\/[^/]+\/tcp\/\d{1,5}(\/p2p\/[A-Za-z0-9]+)?$/,
    (issue) =>
      `"${issue.input}" is not an address; write it like /ip4/192.168.1.7/tcp/4001 or /ip6/fd00::7/tcp/4001`,
  ),
  v.check(
    (text) => {
      const [, kind = '', host = ''] = text.split('/');
      return kind === 'ip4' ? isIPv4(host) : kind !== 'ip6' || isIPv6(host);
    },
    (issue) => `"${issue.input}" has no valid IP address; a host name stands in /dns4/lab1/tcp/4001`,
  ),
  v.check(
    (text) => Number(text.split('/')[4]) <= maxPort,
    (issue) => `"${issue.input}" has no valid port; give one up to ${maxPort}`,
  ),
);

const closed = v.pipe(
  v.string(),
  v.transform((text) => text.replace(/(?<=.)\/+$/, '')),
  v.check(
    (text) =>
      text !== '' &&
      text !== '/' &&
      !text.split('/').some((part, at) => part === '.' || part === '..' || (part === '' && at > 0)),
    (issue) =>
      `"${issue.input}" is not what is never served; give a name, such as .secrets or conf/keys, or an absolute path`,
  ),
);

const schema = v.object({
  slots: v.pipe(
    v.string(),
    v.regex(
      /^\d{1,4}$/,
      (issue) => `"${issue.input}" is not a number of slots; give a whole number from 0 to 1024`,
    ),
    v.transform(Number),
    v.maxValue(1024, 'at most 1024 slots are possible'),
  ),
  listen: v.array(multiaddr),
  peers: v.array(multiaddr),
  mdns: v.pipe(
    v.picklist(
      ['0', '1', ''],
      (issue) => `${issue.received} is neither 0 (no multicast) nor 1 (multicast, which is the default)`,
    ),
    v.transform((text) => text !== '0'),
  ),
  name: v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, 'the name is empty'),
    v.maxLength(64, 'the name is longer than 64 characters'),
  ),
  backgroundMs: v.pipe(
    v.string(),
    v.regex(
      /^\d{1,3}$/,
      (issue) => `"${issue.input}" is not a number of seconds; give a whole number from 0 to 600`,
    ),
    v.transform((seconds) => Number(seconds) * 1000),
    v.maxValue(maxBackgroundMs, 'at most 600 seconds are possible'),
  ),
  cacheDirectory: v.pipe(
    v.string(),
    v.startsWith('/', (issue) => `the directory "${issue.input}" is not absolute`),
  ),
  treeCacheBytes: v.pipe(
    v.string(),
    v.regex(
      /^[1-9]\d{0,3}$/,
      (issue) => `"${issue.input}" is not a size; give a whole number of GB from 1 to 9999`,
    ),
    v.transform((size) => Number(size) * bytesInGB),
  ),
  joinDirectories: v.array(v.string()),
  pairingDirectory: v.string(),
  neverServed: v.array(closed),
  socketPath: v.pipe(
    v.string(),
    v.startsWith('/', (issue) => `the socket path "${issue.input}" is not absolute`),
    v.maxBytes(
      107,
      'the socket path is longer than the 107 bytes that a unix socket allows; set BUILDSWARM_SOCKET to a shorter one',
    ),
  ),
});

/** Variable names by setting, for messages and docs/CONFIGURATION.md. */
const sources: Readonly<Record<string, string>> = {
  slots: '--slots or BUILDSWARM_SLOTS',
  listen: '--listen or BUILDSWARM_LISTEN',
  peers: '--peer or BUILDSWARM_PEERS',
  mdns: '--no-mdns or BUILDSWARM_MDNS',
  name: '--name or BUILDSWARM_NAME',
  backgroundMs: '--background or BUILDSWARM_BACKGROUND',
  neverServed: '--never-serve or BUILDSWARM_NEVER_SERVE',
  socketPath: 'BUILDSWARM_SOCKET',
  cacheDirectory: 'BUILDSWARM_CACHE',
  treeCacheBytes: 'BUILDSWARM_CACHE_GB',
};

/**
 * Reads the settings.
 *
 * @throws SwarmError `E_SETTING` naming the flag and variable, the value and what would be right.
 */
export async function readSettings(
  flags: Flags,
  env: NodeJS.ProcessEnv,
  socketPath: string,
): Promise<Settings> {
  const result = v.safeParse(schema, {
    slots: flags.slots ?? env['BUILDSWARM_SLOTS'] ?? String(usableCores()),
    listen: flags.listen ?? words(env['BUILDSWARM_LISTEN']),
    peers: flags.peer ?? words(env['BUILDSWARM_PEERS']),
    // Commander gives a `--no-…` that was not said as true.
    mdns: flags.mdns === false ? '0' : (env['BUILDSWARM_MDNS'] ?? '1'),
    name: flags.name ?? env['BUILDSWARM_NAME'] ?? hostname(),
    backgroundMs: flags.background ?? env['BUILDSWARM_BACKGROUND'] ?? '10',
    socketPath,
    cacheDirectory: env['BUILDSWARM_CACHE'] ?? defaultCache(env),
    treeCacheBytes: env['BUILDSWARM_CACHE_GB'] ?? '4',
    joinDirectories: [env['HOME'], env['PWD']].filter((path) => path?.startsWith('/')),
    pairingDirectory: pairingDirectory(env),
    neverServed:
      flags.neverServe ?? (env['BUILDSWARM_NEVER_SERVE'] ?? '').split(':').filter((one) => one !== ''),
  });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const [at] = issue.path ?? [];
  const key = typeof at?.key === 'string' ? at.key : '';
  throw new SwarmError('E_SETTING', `${sources[key] ?? key}: ${issue.message}.`);
}

function defaultCache(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'] ?? (env['HOME'] === undefined ? '/var/tmp' : `${env['HOME']}/.cache`);
  return `${base}/buildswarm`;
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter((word) => word !== '');
}
