/** What a machine is told of another one when the two are made known to each other. */
import * as v from 'valibot';
import { SwarmError } from '../core/swarm-error.ts';
import { maxAddresses, maxAddressLength } from '../wire/limits.ts';
import { bytes32, machineName, plain } from '../wire/schema.ts';

/** Of the introduction; both ends must speak the same. */
const introductionVersion = 1;
/** Login shells may print what they like before it. */
const marker = 'buildswarm-introduction';

const addresses = v.pipe(v.array(v.pipe(plain, v.maxLength(maxAddressLength))), v.maxLength(maxAddresses));

const introductionSchema = v.object({
  name: machineName,
  key: bytes32,
  /** Multiaddrs at which its peer may be found where no multicast reaches it; empty: it runs none now. */
  addresses,
});
export interface Introduction extends v.InferOutput<typeof introductionSchema> {}

/** One line of text. */
export function encodeIntroduction(introduction: Introduction): string {
  return `${marker} ${introductionVersion} ${JSON.stringify(introduction)}\n`;
}

/**
 * Finds the introduction in what the other end printed.
 *
 * @returns undefined if there is none.
 * @throws SwarmError `E_PAIRING` if it is one that this version does not understand.
 */
export function parseIntroduction(text: string): Introduction | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${marker} `));
  if (line === undefined) return undefined;
  const [, version = '', said = ''] = /^\S+ (\d{1,4}) (.*)$/.exec(line.trimEnd()) ?? [];
  if (version !== String(introductionVersion))
    throw new SwarmError(
      'E_PAIRING',
      'The other machine has another version of buildswarm that introduces itself differently; install the same on both.',
    );
  try {
    return v.parse(introductionSchema, JSON.parse(said));
  } catch (cause) {
    throw new SwarmError('E_PAIRING', `The other machine introduced itself in a way that makes no sense.`, {
      cause,
    });
  }
}

/** A host name as the name of a machine. */
export function machineNameOf(host: string): string {
  const name = host.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 64) || 'machine';
}
