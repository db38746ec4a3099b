/** A copy of this checkout that a test may change, build and test again; the npm packages are this checkout's own. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { checkout } from './child.ts';

/** What is made and not written by people; a copy makes its own. */
const made = new Set(['.git', '.cache', '.demo', '.lan', 'dist', 'node_modules']);

export interface CheckoutCopy extends Disposable {
  readonly root: string;
}

/** Copies what people wrote; times of files stay, so that the packages count as installed. */
export function copyCheckout(): CheckoutCopy {
  const parent = path.join(checkout, '.cache');
  mkdirSync(parent, { recursive: true });
  // Not below /tmp: machines of a LAN have one of their own.
  const root = mkdtempSync(path.join(parent, 'copy-'));
  for (const name of readdirSync(checkout)) {
    if (made.has(name)) continue;
    cpSync(path.join(checkout, name), path.join(root, name), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(path.join(checkout, 'node_modules'), path.join(root, 'node_modules'));
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}
