/** Operational faults, with a code from one closed table. Bugs are plain Errors that begin with "internal:". */
const codes = [
  'E_SOCKET_DIRECTORY',
  'E_SOCKET_BUSY',
  'E_NO_PEER',
  'E_PEER_SILENT',
  'E_SETTING',
  'E_NOT_STARTED',
  'E_DIAL',
  'E_LISTEN',
  'E_VERSION',
  'E_SHARE',
  'E_RUNNER',
  'E_TREE',
  'E_PAIRING',
  'E_NO_ANSWER',
  'E_NO_LOG',
  'E_NO_PAGE',
] as const;
export type SwarmErrorCode = (typeof codes)[number];

/** A fault that the message explains: what happened, to what, and what to do. Branch on `code`, never on the message. */
export class SwarmError extends Error {
  override name = 'SwarmError';
  readonly code: SwarmErrorCode;

  constructor(code: SwarmErrorCode, message: string, options?: { readonly cause: unknown }) {
    super(message, options);
    this.code = code;
  }
}
