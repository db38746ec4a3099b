/** A request of a wrapper as core reads it: with the contents of its response files. */
import type { Command, Reading } from '../../core/command/contract.ts';
import { readCommand } from '../../core/command/read-command.ts';
import { readPiece } from '../../share/commit.ts';
import type { Disk } from '../../share/disk.ts';
import { DiskError } from '../../share/disk-error.ts';
import { type ByteString, fromBytes } from '../../wire/bytes.ts';

/** A longer response file is left to the command itself, which then runs inline. */
const maxResponseFileBytes = 16 * 1024 * 1024;

/** Reads a command, fetching the response files that it names, nested ones too. */
export async function readWholeCommand(command: Command, disk: Disk): Promise<Reading> {
  const files = new Map<ByteString, string | undefined>();
  for (;;) {
    const { reading, missing } = readCommand(command, files);
    const wanted = missing.filter((path) => !files.has(path));
    if (wanted.length === 0) return reading;
    for (const path of wanted) files.set(path, await readText(path, disk));
  }
}

/** Undefined if it cannot be read or is no such thing: the command itself will say so. */
async function readText(path: ByteString, disk: Disk): Promise<string | undefined> {
  let text = '';
  while (text.length <= maxResponseFileBytes) {
    let piece: Uint8Array;
    try {
      piece = await readPiece(disk, path, text.length);
    } catch (error) {
      if (error instanceof DiskError) return undefined;
      throw error;
    }
    if (piece.length === 0) return text;
    text += fromBytes(piece);
  }
  return undefined;
}
