/** `buildswarm invite` and `accept`: make two machines known to each other through one ssh. */
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';
import { visibleText } from '../core/visible.ts';
import { encodeIntroduction, parseIntroduction } from '../pairing/introduction.ts';
import { addKnownPeer, checkMachineName, pairingDirectory, writeAddresses } from '../pairing/known-peers.ts';
import { action } from './exit.ts';
import { introduceSelf, tellPeer } from './introduce.ts';
import { runOverSsh } from './over-ssh.ts';

/** Somebody may have to type a password, or compare the key of a host. */
const inviteTimeoutMs = 300_000;
const acceptTimeoutMs = 60_000;
/** Longest introduction that is read. */
const maxIntroductionBytes = 64 * 1024;

export function addInvite(program: Command): void {
  program
    .command('invite')
    .description('makes HOST and this machine known to each other, through one ssh to HOST')
    .usage('[options] <host> [ssh options...]')
    .argument('<host>', 'as you would give it to ssh: host or user@host')
    .argument('[ssh...]', 'options for ssh, such as -p 2222')
    .option('--command <path>', 'buildswarm on HOST, where commands of ssh do not find it', 'buildswarm')
    .option('--name <name>', 'what to call HOST here (default: its own host name)')
    .passThroughOptions()
    .action(
      action(async (host: string, ssh: string[], options: { command: string; name?: string }) => {
        await invite(host, ssh, options);
      }),
    );
  program
    .command('accept')
    .description('the other end of `invite`, which starts it through ssh')
    .action(action(accept));
}

async function invite(
  host: string,
  ssh: readonly string[],
  { command, name }: { readonly command: string; readonly name?: string },
): Promise<void> {
  if (host.startsWith('-')) throw new SwarmError('E_SETTING', `"${host}" is not a host.`);
  // Before anything is changed there.
  if (name !== undefined) checkMachineName(name);
  const directory = pairingDirectory(process.env);
  const own = await introduceSelf();
  const said = await runOverSsh({
    host,
    options: ssh,
    command,
    input: encodeIntroduction(own),
    timeoutMs: inviteTimeoutMs,
  });
  const other = parseIntroduction(said);
  if (other === undefined)
    throw new SwarmError(
      'E_PAIRING',
      `\`${command} accept\` on ${host} did not introduce itself; install this version of buildswarm there.`,
    );
  const known = await addKnownPeer(directory, { name: name ?? other.name, key: other.key });
  if (other.addresses.length > 0) await writeAddresses(directory, known, other.addresses);
  const isRunning = await tellPeer();
  process.stdout.write(`${known} and this machine know each other now.\n`);
  if (name !== undefined && name !== known)
    process.stdout.write(
      `It was known as ${known} before and keeps this name; to call it ${visibleText(name)}, run \`buildswarm forget ${known}\` and invite it again.\n`,
    );
  if (!isRunning) process.stdout.write('No peer runs on this machine: start one with `buildswarm start`.\n');
  if (other.addresses.length === 0)
    process.stdout.write(`No peer runs on ${known}: start one there with \`buildswarm start\`.\n`);
}

async function accept(): Promise<void> {
  if (process.stdin.isTTY)
    throw new SwarmError(
      'E_PAIRING',
      '`accept` is started by `buildswarm invite HOST`, which you run on the other machine.',
    );
  const directory = pairingDirectory(process.env);
  const other = parseIntroduction(await readInput());
  if (other === undefined) throw new SwarmError('E_PAIRING', 'The other machine did not introduce itself.');
  const own = await introduceSelf();
  if (other.key === own.key) throw new SwarmError('E_PAIRING', 'This is the machine that invites.');
  const known = await addKnownPeer(directory, other);
  if (other.addresses.length > 0) await writeAddresses(directory, known, other.addresses);
  await tellPeer();
  process.stdout.write(encodeIntroduction(own));
}

/** What comes on stdin, to its end. */
async function readInput(): Promise<string> {
  const timer = setTimeout(() => process.stdin.destroy(), acceptTimeoutMs);
  let text = '';
  try {
    for await (const chunk of process.stdin) {
      text += String(chunk);
      if (text.length > maxIntroductionBytes) break;
    }
  } finally {
    clearTimeout(timer);
  }
  return text;
}
