/** What a file system call failed with. `code` is the errno's name, or `HUNG` if the deadline passed. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}
