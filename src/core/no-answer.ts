/** Errors for want of something on this machine: they say nothing of the file or the program that was asked about. */
const wants: ReadonlySet<unknown> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'ENOBUFS',
  'EAGAIN',
  'EINTR',
  'EIO',
  'ETIMEDOUT',
]);

/** True for an error that is no answer; what was asked must be asked again, and nothing is to be believed meanwhile. */
export function isNoAnswer(error: unknown): boolean {
  return wants.has((error as NodeJS.ErrnoException | undefined)?.code);
}
