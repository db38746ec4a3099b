/** Whether the programs of an offer, and the CPU where that matters, are the same here as at the submitter. */
import { variablesOf } from '../../core/command/environment.ts';
import { isBelow, isSystemPath, resolvePath } from '../../core/paths.ts';
import type { Sameness } from '../../machine/sameness.ts';
import type { Disk } from '../../share/disk.ts';
import { realPathsBelow, type Share } from '../../share/shares.ts';
import { toText } from '../../wire/bytes.ts';
import type { Offer } from '../../wire/job-messages.ts';
import { parseStrings } from '../../wire/wrapper-messages.ts';
import type { Refusal, WholeOffer } from './contract.ts';

export interface ProgramCheckInit {
  readonly disk: Disk;
  readonly sameness: Sameness;
}

/** @returns why the job is refused, or undefined. */
export async function checkPrograms(
  { disk, sameness }: ProgramCheckInit,
  share: Share,
  { offer, argv, environment }: WholeOffer,
): Promise<Refusal | undefined> {
  const linkedOut = await systemLinks(disk, share, offer, argv);
  if (typeof linkedOut === 'string') return { code: 'outside-share', detail: linkedOut };
  const env = variablesOf(parseStrings('ENV', environment));
  for (const { path, digest } of offer.programs) {
    // What lies in the share itself is part of the view.
    if (path.includes('/') && isBelow(offer.share, path) && !linkedOut.has(path)) continue;
    const own = await sameness.program(path, offer.cwd, env);
    if (own.digest !== digest && digest !== '') {
      const tool = await sameness.tool(path, offer.cwd, env);
      return { code: 'toolchain', detail: `${toText(path)} differs`, tool };
    }
  }
  if (
    offer.surroundings !== undefined &&
    (await sameness.surroundings(offer.cwd, env)) !== offer.surroundings
  )
    return {
      code: 'toolchain',
      detail: 'its locale, or the name of its directory, means something else there',
    };
  return await checkCpu(sameness, offer);
}

/** @returns why the job is refused, or undefined. */
export async function checkCpu(sameness: Sameness, offer: Offer): Promise<Refusal | undefined> {
  if (offer.cpu === undefined) return undefined;
  const cpu = await sameness.cpu();
  return cpu.digest === offer.cpu
    ? undefined
    : { code: 'native', detail: 'the CPU differs', cpu: cpu.description };
}

/**
 * Programs are those of the share or of the system, and the one that is run is among them.
 *
 * @returns why that is not so, or the ones of the share that are links to those of the system.
 */
async function systemLinks(
  disk: Disk,
  share: Share,
  offer: Offer,
  argv: Uint8Array,
): Promise<string | ReadonlySet<string>> {
  const [first = ''] = parseStrings('ARGV', argv);
  if (!offer.programs.some(({ path }) => path === first))
    return `the program ${toText(first)} is not among those that the job names`;
  const named = offer.programs.map(({ path }) => path).filter((path) => path.includes('/'));
  const inShare: { readonly name: string; readonly path: string }[] = [];
  for (const name of named) {
    const path = resolvePath(offer.cwd, name);
    if (isBelow(share.root, path)) inShare.push({ name, path });
    else if (!isSystemPath(path)) return `the program ${toText(path)} is outside the share`;
  }
  // Most programs are the system's: then no file has to be looked at.
  if (inShare.length === 0) return new Set();
  const places = await realPathsBelow(
    disk,
    { ...share, root: '/' },
    inShare.map(({ path }) => path),
  );
  const linkedOut = new Set<string>();
  for (const [index, { name, path }] of inShare.entries()) {
    const place = places[index];
    if (place?.ok !== true) return place?.why ?? '';
    if (isBelow(share.root, place.realPath)) continue;
    if (!isSystemPath(place.realPath))
      return `the program ${toText(path)} is ${toText(place.realPath)}, outside the share`;
    linkedOut.add(name);
  }
  return linkedOut;
}
