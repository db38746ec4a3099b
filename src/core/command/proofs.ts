/**
 * What proves, for each kind of command, that its result is what a run here would have given. Where nothing does, the
 * command runs here. docs/PROOFS.md tells the same to people, and a test holds it against this table.
 */
import type { CommandKind, Reading } from './contract.ts';

export interface Proof {
  /**
   * What it read, and the names that it looked up in vain.
   * - `traced`: each name that its programs looked up is known, and the answer is the same here.
   * - `refreshed`: not proven; the worker sees all that this machine knows to have changed.
   * - `here`: it runs here.
   */
  readonly reads: 'traced' | 'refreshed' | 'here';
  /**
   * What it wrote.
   * - `traced`: all that it made is known. It is what its words say, or the result is not believed.
   * - `scanned`: what changed below its directory and those that it names.
   * - `here`: it runs here.
   */
  readonly writes: 'traced' | 'scanned' | 'here';
}

const traced: Proof = { reads: 'traced', writes: 'traced' };
const here: Proof = { reads: 'here', writes: 'here' };

export const proofs: Readonly<Record<CommandKind, Proof>> = {
  compile: traced,
  link: traced,
  archive: traced,
  rewrite: traced,
  other: { reads: 'refreshed', writes: 'scanned' },
  query: here,
  preprocess: here,
  probe: here,
};

/** True for a command whose result is believed by the trace of what it looked up. */
export function isTraced({ kind }: Reading): boolean {
  return proofs[kind].reads === 'traced';
}
