/** What one machine sees of one path. Numbers that exceed 2^53 are decimal strings. */
export interface Fact {
  readonly kind: 'file' | 'directory' | 'link' | 'other' | 'absent';
  readonly inode: string;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

/** What the C programs write of one, see src/native/fact.h. */
export const factBytes = 33;

/** The fact of a path that is not there. */
export const absent: Fact = { kind: 'absent', inode: '0', sizeBytes: 0, mtimeNs: '0', ctimeNs: '0' };
