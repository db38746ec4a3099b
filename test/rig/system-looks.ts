/** Looks at system files as a disk thread does, in the test's own thread. */
import type { SystemLooks } from '../../src/machine/sameness.ts';
import { identities, outsideAnswers } from '../../src/share/blocking/identities.ts';

export const systemLooks: SystemLooks = {
  identities: (files) => Promise.resolve(identities(files)),
  outside: (names) => Promise.resolve(outsideAnswers(names)),
};
