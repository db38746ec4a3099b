/** A directory on the local disk with a share in it, and threads to work on it; gone after the test. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Disk } from '../../src/share/disk.ts';
import { Shares } from '../../src/share/shares.ts';

export interface ShareRig extends AsyncDisposable {
  readonly disk: Disk;
  /** Real path of a fresh directory outside any share. */
  readonly directory: string;
}

export function shareRig(): ShareRig {
  const disk = new Disk();
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'buildswarm-share-')));
  return {
    disk,
    directory,
    async [Symbol.asyncDispose]() {
      await disk.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The rig's directory as a share. */
export async function sharedRig(): Promise<ShareRig & { readonly root: string; readonly peers: string }> {
  const rig = shareRig();
  const made = await new Shares(rig.disk).make(rig.directory);
  if (!made.ok) throw new Error(made.why);
  return { ...rig, root: rig.directory, peers: join(rig.directory, '.buildswarm', 'peers') };
}
