/** Looks at system files in the threads for disks: /usr may be on a file server too. */
import type { AnsweredFile, AskedFile, OutsideAnswered } from '../core/file-identity.ts';
import type { OutsideName } from '../core/view/outside-name.ts';
import type { Disk } from './disk.ts';

export function systemLooks(disk: Disk) {
  return {
    identities: (files: readonly AskedFile[]): Promise<readonly AnsweredFile[]> =>
      disk.run('identities', files),
    outside: (names: readonly OutsideName[]): Promise<readonly OutsideAnswered[]> =>
      disk.run('outsideAnswers', names),
  };
}
