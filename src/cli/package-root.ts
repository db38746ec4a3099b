/** Where this package lies: above dist/src/cli. */
import { fileURLToPath } from 'node:url';

export const packageRoot = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');
