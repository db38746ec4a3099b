/** `buildswarm pair`: two machines are made known to each other by people who see both screens. */
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';
import { visibleText } from '../core/visible.ts';
import { request, requestOne } from '../local/client.ts';
import { addKnownPeer, pairingDirectory, writeAddresses } from '../pairing/known-peers.ts';
import type { PairingState } from '../wire/cli-messages.ts';
import { action } from './exit.ts';
import { tellPeer } from './introduce.ts';
import { localSocket } from './local-socket.ts';

/** The peer itself gives up before. */
const idleTimeoutMs = 150_000;

export function addPair(program: Command): void {
  program
    .command('pair')
    .description('makes two machines known to each other: run it on both, and compare six digits')
    .argument('[name]', 'what the other machine is called in `status`, where several are paired at once')
    .action(action(pair));
}

async function pair(name: string | undefined): Promise<void> {
  const asked = { op: 'pair', ...(name === undefined ? {} : { name }) } as const;
  process.stdout.write('Run `buildswarm pair` on the other machine, too, within two minutes.\n');
  for await (const state of request(localSocket(), asked, idleTimeoutMs)) {
    if (state.state === 'failed') throw new SwarmError('E_PAIRING', state.why);
    if (state.state === 'paired') return await keep(state);
    if (!(await isSame(state))) throw new SwarmError('E_PAIRING', 'Nothing was changed.');
    const { taken } = await requestOne(localSocket(), { op: 'pair-confirm', digits: state.digits });
    if (!taken) continue; // it has failed meanwhile, and the next word says why
    process.stdout.write('Waiting for the other machine.\n');
  }
  throw new SwarmError('E_PEER_SILENT', 'The peer on this machine has ended.');
}

async function keep({ name, key, addresses }: Extract<PairingState, { state: 'paired' }>): Promise<void> {
  const directory = pairingDirectory(process.env);
  const known = await addKnownPeer(directory, { name, key });
  if (addresses.length > 0) await writeAddresses(directory, known, addresses);
  await tellPeer();
  process.stdout.write(`${known} and this machine know each other now.\n`);
}

/** Asks the user; whatever is not a yes is a no. */
async function isSame({ digits, name }: Extract<PairingState, { state: 'compare' }>): Promise<boolean> {
  const spaced = `${digits.slice(0, 3)} ${digits.slice(3)}`;
  process.stdout.write(
    `\n  ${spaced}\n\nDoes ${visibleText(name)} show the same digits? Type yes only if you see them there: `,
  );
  const lines = createInterface({ input: process.stdin });
  try {
    for await (const line of lines) return line.trim().toLowerCase() === 'yes';
    return false;
  } finally {
    lines.close();
  }
}
