/** `buildswarm peers` and `forget`: the machines that were made known to this one. */
import type { Command } from 'commander';
import { SwarmError } from '../core/swarm-error.ts';
import { requestOne } from '../local/client.ts';
import { forgetKnownPeer, pairingDirectory, readAddresses, readKnownPeers } from '../pairing/known-peers.ts';
import { action } from './exit.ts';
import { ofPeer, tellPeer } from './introduce.ts';
import { localSocket } from './local-socket.ts';

export function addKnown(program: Command): void {
  program
    .command('peers')
    .description('lists the machines that were made known to this one')
    .option('--json', 'prints one JSON array, for programs')
    .action(action(async (options: { json?: boolean }) => await list(options.json === true)));
  program
    .command('forget')
    .description('makes a machine unknown, at once: it works no more for this one, nor this one for it')
    .argument('<name>', 'as `buildswarm peers` shows it')
    .action(
      action(async (name: string) => {
        if (!(await forgetKnownPeer(pairingDirectory(process.env), name)))
          throw new SwarmError(
            'E_PAIRING',
            `No machine is known as ${name}; \`buildswarm peers\` lists those that are.`,
          );
        await tellPeer();
        process.stdout.write(`${name} is forgotten. There, forget this machine too.\n`);
      }),
    );
}

async function list(asJson: boolean): Promise<void> {
  const directory = pairingDirectory(process.env);
  const { machines, faults } = await readKnownPeers(directory);
  const peer = await ofPeer(() => requestOne(localSocket(), { op: 'known' }));
  const rows = await Promise.all(
    machines.map(async ({ name, key }) => {
      const connected = peer?.machines.find((machine) => machine.name === name);
      const addresses = connected?.addresses.length
        ? connected.addresses
        : await readAddresses(directory, name);
      return { name, key, addresses, connected: connected?.peer !== undefined };
    }),
  );
  for (const fault of faults) process.stderr.write(`buildswarm: ${fault}\n`);
  if (asJson) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else if (rows.length === 0)
    process.stdout.write('No machine is known; `buildswarm invite HOST` makes one known.\n');
  else
    for (const row of rows)
      process.stdout.write(`${row.name.padEnd(20)} ${stateOf(row, peer !== undefined)}\n`);
}

function stateOf({ connected }: { readonly connected: boolean }, isPeerRunning: boolean): string {
  if (connected) return 'connected';
  return isPeerRunning ? 'not connected' : 'no peer runs on this machine';
}
