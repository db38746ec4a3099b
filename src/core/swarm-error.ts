/** Operational faults, with a code from one closed table. Bugs are plain Errors that begin with "internal:". */
const codes = [
  'E_SOCKET_DIRECTORY',
  'E_SOCKET_BUSY',
  'E_NO_PEER',
  'E_PEER_SILENT',
  'E_PEER_LOST',
  'E_SETTING',
  'E_NOT_STARTED',
  'E_DIAL',
  'E_LISTEN',
  'E_FRAME',
  'E_VERSION',
  'E_SHARE',
  'E_DEADLINE',
  'E_RUNNER',
] as const;
export type SwarmErrorCode = (typeof codes)[number];

/** A fault that the message explains: what happened, to what, and what to do. Branch on `code`, never on the message. */
export class SwarmError extends Error {
  override name = 'SwarmError';
  readonly code: SwarmErrorCode;
  /** What the message is about: peer, path, jobId, bytes … */
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    code: SwarmErrorCode,
    message: string,
    options: { cause?: unknown; facts?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.facts = options.facts ?? {};
  }
}
