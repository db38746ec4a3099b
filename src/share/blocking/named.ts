/** Looks at the files that a command names, before it is handed to anybody. Synchronous: runs in a disk thread. */
import { type Stats, statSync } from 'node:fs';
import { toBytes, toText } from '../../wire/bytes.ts';
import { outputObstacle } from './output.ts';

export interface NamedFiles {
  /** Byte strings, absolute. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** It reads and writes the same file by design, as ar does. */
  readonly mayShare: boolean;
}

/** What stands in the way of a command. */
export interface Obstacles {
  /** Why it runs here, as a phrase; undefined: it may run elsewhere. */
  readonly named: string | undefined;
  /** For each output why it is written in place rather than renamed over what is there, in a sentence. */
  readonly outputs: readonly (string | undefined)[];
}

/** Looks at all that is looked at before a command is handed to anybody, in one go. */
export function obstacles({
  named,
  outputs,
}: {
  readonly named: NamedFiles;
  readonly outputs: readonly Parameters<typeof outputObstacle>[0][];
}): Obstacles {
  return { named: namedObstacle(named), outputs: outputs.map(outputObstacle) };
}

/**
 * Why a command with these files runs here, as a phrase; undefined if nothing stands against another machine.
 *
 * What is not a regular file (a pipe, a device) can be read once, or by this machine alone. A tool that would overwrite
 * its own input says so itself, if it is given the names that it was meant to have. Never opens anything.
 */
function namedObstacle({ inputs, outputs, mayShare }: NamedFiles): string | undefined {
  const written = new Map<string, string>();
  for (const path of outputs) {
    const stats = behind(path);
    if (stats === undefined) continue;
    if (isOdd(stats)) return `${shown(path)} is not a regular file`;
    if (stats.isFile()) written.set(identity(stats), path);
  }
  for (const path of inputs) {
    const stats = behind(path);
    if (stats === undefined) continue;
    if (isOdd(stats)) return `${shown(path)} is not a regular file`;
    const output = mayShare ? undefined : written.get(identity(stats));
    if (output !== undefined) return `its output ${shown(output)} is also its input`;
  }
  return undefined;
}

/** True if this is what a response file may be: it can be read here and again by the command. */
export function isRegular(path: string): boolean {
  return behind(path)?.isFile() === true;
}

/** What is there, through links; undefined if that cannot be told. The command will say so itself. */
function behind(path: string): Stats | undefined {
  try {
    return statSync(toBytes(path), { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function isOdd(stats: Stats): boolean {
  return !stats.isFile() && !stats.isDirectory();
}

function identity({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

function shown(path: string): string {
  return `'${toText(path)}'`;
}
