/** Looks at the files that a command names, before it is handed to anybody. Synchronous: runs in a disk thread. */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { parentOf } from '../../core/paths.ts';
import { toBytes, toText } from '../../wire/bytes.ts';
import {
  type FilesOfCommand,
  isRegularFile,
  type Obstacles,
  obstaclesOf,
  outputObstacle,
  type PlannedOutput,
  type StatedFile,
} from '../obstacles.ts';
import { errorCode } from './look.ts';
import { isWritableDirectory } from './root.ts';

/** Looks at all that is looked at before a command is handed to anybody, in one go. Never opens anything. */
export function obstacles(files: FilesOfCommand): Obstacles {
  const { named } = obstaclesOf(
    { ...files, outputs: [] },
    { inputs: files.named.inputs.map(behind), written: files.named.outputs.map(behind), outputs: [] },
  );
  return { named, outputs: files.outputs.map(obstacleOfOutput) };
}

/** See {@link outputObstacle}: by what is there now. */
export function obstacleOfOutput(output: PlannedOutput): string | undefined {
  const { path } = output;
  try {
    const isWritable = isWritableDirectory(parentOf(path));
    const own = isWritable ? lstatSync(toBytes(path), { throwIfNoEntry: false }) : undefined;
    return outputObstacle(output, {
      isWritable,
      own: own && stated(own),
      behind: own?.isSymbolicLink() === true ? mustStat(path) : undefined,
    });
  } catch (error) {
    return `'${toText(path)}' cannot be looked at (${errorCode(error)})`;
  }
}

/** True if this is what a response file may be: it can be read here and again by the command. */
export function isRegular(path: string): boolean {
  return isRegularFile(behind(path));
}

function behind(path: string): StatedFile | undefined {
  try {
    return mustStat(path);
  } catch {
    return undefined;
  }
}

function mustStat(path: string): StatedFile | undefined {
  const stats = statSync(toBytes(path), { throwIfNoEntry: false });
  return stats && stated(stats);
}

function stated({ dev, ino, mode, size, nlink, uid }: Stats): StatedFile {
  return { identity: `${dev}:${ino}`, mode, sizeBytes: size, links: nlink, uid };
}
