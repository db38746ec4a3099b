/** Shared by the tests of core/command: reads a command line written as people write it. */

import type { Reading, ResponseFiles } from '../../../../src/core/command/contract.ts';
import { readCommand } from '../../../../src/core/command/read-command.ts';

export const cwd = '/share/project';

/** Words separated by single spaces; `·` stands for a space inside a word. */
export function words(line: string): string[] {
  return line.split(' ').map((word) => word.replaceAll('·', ' '));
}

/** The reading of a command line in {@link cwd}. */
export function read(
  line: string,
  env: Readonly<Record<string, string>> = {},
  files: ResponseFiles = new Map(),
): Reading {
  const command = { argv: words(line), cwd, env: new Map(Object.entries(env)) };
  return readCommand(command, files).reading;
}

/** A reading's outputs as one line: `object:a.o dependencies:a.d`. */
export function outputsOf(reading: Reading): string {
  return reading.outputs.map(({ role, path }) => `${role}:${path}`).join(' ');
}
