/** Files that only this user can have written or read: what lies in them decides who may use this user's machines. */
import { randomUUID } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { link, lstat, mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { SwarmError } from '../core/swarm-error.ts';

/** Longest file that is read. */
const maxBytes = 16 * 1024;
/** Mode of directories in which users may rename only what is theirs, such as /tmp. */
const sticky = 0o1000;

/**
 * Makes a directory, and those above it that are missing, with mode 0700.
 *
 * @throws SwarmError `E_PAIRING` as {@link checkOwnDirectory}, or if it cannot be made.
 */
export async function ensureOwnDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new SwarmError('E_PAIRING', `${directory} cannot be made (${codeOf(cause)}).`, { cause });
  }
  await checkOwnDirectory(directory);
}

/**
 * Checks that nobody else can have put anything into a directory, nor can put another one in its place.
 *
 * @returns false if there is none.
 * @throws SwarmError `E_PAIRING` that names the directory and the cure.
 */
export async function checkOwnDirectory(directory: string): Promise<boolean> {
  const found = await look(directory);
  if (found === undefined) return false;
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0)
    throw new SwarmError(
      'E_PAIRING',
      `${directory} must be a directory of your own with mode 0700; if it is yours, run: chmod 700 ${directory}`,
    );
  const home = await realpath(homeDirectory()).catch(() => '/'); // without a home, all directories above count
  for (let above = dirname(await realpath(directory)); ; above = dirname(above)) {
    await checkAbove(above);
    if (above === home || above === '/') return true;
  }
}

/** The root for a user whom the system does not know, as in a container, and who has no HOME. */
export function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    return '/'; // it throws where it finds none
  }
}

/** Others that may write to a directory can rename what lies in it; where it is sticky, only what is theirs. */
async function checkAbove(directory: string): Promise<void> {
  const found = await look(directory);
  if (found === undefined) return; // moved away just now
  if (found.uid !== process.getuid?.() && found.uid !== 0)
    throw new SwarmError(
      'E_PAIRING',
      `${directory} belongs to user ${found.uid}, who could replace what you keep below it; it must be yours or root's.`,
    );
  if ((found.mode & 0o022) !== 0 && (found.mode & sticky) === 0)
    throw new SwarmError(
      'E_PAIRING',
      `Others may write to ${directory}, so they could replace what you keep below it; run: chmod go-w ${directory}`,
    );
}

async function look(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new SwarmError('E_PAIRING', `${path} cannot be looked at (${codeOf(cause)}).`, { cause });
  }
}

/**
 * @returns undefined if there is no such file.
 * @throws SwarmError `E_PAIRING` if it is a link, belongs to another user, or others may read or write it.
 */
export async function readOwnFile(path: string): Promise<string | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new SwarmError('E_PAIRING', `${path} cannot be read (${codeOf(cause)}).`, { cause });
  }
  try {
    const found = await file.stat();
    if (!found.isFile() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0)
      throw new SwarmError(
        'E_PAIRING',
        `${path} must be a file of your own with mode 0600; if it is yours, run: chmod 600 ${path}`,
      );
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * Writes a file with mode 0600, whole or not at all.
 *
 * @param keep - leaves a file that is there already as it is.
 * @throws SwarmError `E_PAIRING` if it cannot be written.
 */
export async function writeOwnFile(path: string, text: string, { keep = false } = {}): Promise<void> {
  const temporary = join(dirname(path), `.${randomUUID()}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    if (keep) await link(temporary, path);
    else await rename(temporary, path);
  } catch (cause) {
    if (!keep || codeOf(cause) !== 'EEXIST')
      throw new SwarmError('E_PAIRING', `${path} cannot be written (${codeOf(cause)}).`, { cause });
  } finally {
    await rm(temporary, { force: true });
  }
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
}
