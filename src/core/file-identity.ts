/** What a file is by content, in words that two machines can compare. */
import type { ProgramFormat } from './elf.ts';

export interface FileIdentity {
  /** `build-id:…`, `sha256:…` or `absent`. */
  readonly identity: string;
  readonly isDynamicProgram: boolean;
  readonly format: ProgramFormat;
}

export const missingFile: FileIdentity = { identity: 'absent', isDynamicProgram: false, format: 'script' };

/** A file that is asked for. */
export interface AskedFile {
  /** Absolute byte string. */
  readonly path: string;
  /** What it showed when it was looked at before: as long as it shows the same, it is the same. */
  readonly stamp: string | undefined;
}

/** `unanswered`: it cannot be told, as this machine is short of something. */
export type AnsweredFile =
  | { readonly kind: 'same' }
  | { readonly kind: 'found'; readonly stamp: string; readonly file: FileIdentity }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unanswered'; readonly why: string };

/** What is looked up outside a share, answered; `why` it cannot be told now. */
export type OutsideAnswered = { readonly answer: string } | { readonly why: string };
