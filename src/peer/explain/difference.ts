/** Tells people in what a tool or the CPU of a worker differs from those of this machine. Pure. */
import { toText } from '../../wire/bytes.ts';
import type { Tool } from '../../wire/job-messages.ts';

/**
 * @param own - the tool of this machine.
 * @param other - the tool of the worker that refused; its list of parts may be cut.
 */
export function toolDifference(own: Tool, other: Tool): string {
  const name = toText(own.name);
  if (own.description !== other.description)
    return `${name} is ${own.description} here, and ${other.description} there`;
  const there = new Map(other.parts.map(({ path, identity }) => [path, identity]));
  const changed = own.parts.find(({ path, identity }) => (there.get(path) ?? identity) !== identity);
  const same = `${name} is ${own.description} on both machines, but`;
  if (changed !== undefined) return `${same} ${toText(changed.path)} differs`;
  const here = new Set(own.parts.map(({ path }) => path));
  const added = other.parts.find(({ path }) => !here.has(path));
  if (added !== undefined) return `${same} only the other one has ${toText(added.path)}`;
  const missing = own.parts.find(({ path }) => !there.has(path));
  return missing === undefined
    ? `${same} its contents differ`
    : `${same} only this one has ${toText(missing.path)}`;
}

/** @param own - description of this machine's CPU. */
export function cpuDifference(own: string, other: string): string {
  return own === other
    ? `its CPU is ${other}, as it is here, but has other features`
    : `its CPU is ${other}, and ${own} here`;
}
