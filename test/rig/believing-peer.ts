/**
 * A peer whose views take everything for proven, in the foreground, with the options of `buildswarm daemon`: for tests
 * that must be seen to fail without the proofs.
 */
import '../../src/swarm/libp2p/polyfill.ts';
import { Command } from 'commander';
import { runDaemon } from '../../src/cli/daemon.ts';
import { addPeerFlags } from '../../src/cli/peer-flags.ts';
import type { Flags } from '../../src/peer/settings.ts';
import { brokenRules } from '../simulation/stale-cache/broken-rules.ts';

await addPeerFlags(new Command('believing-peer'))
  .action((flags: Flags) => runDaemon(flags, brokenRules))
  .parseAsync();
