/** What the parts of the worker's side hand to one another. */
import type { Offer, Refused } from '../../wire/job-messages.ts';

/** An offer as it came. */
export interface WholeOffer {
  readonly offer: Offer;
  /** NUL-separated, as they travelled. */
  readonly argv: Uint8Array;
  readonly environment: Uint8Array;
}

/** Why an offer is refused; the newest load report is added where it is sent. */
export type Refusal = Omit<Refused, 'report'> & { readonly detail: string };
