/** Just enough of ELF: the build id of a program, and whether the dynamic loader starts it. Pure. */

export interface ElfIdentity {
  /** Hexadecimal; the linker made it from the whole content, so equal ids mean equal programs. */
  readonly buildId: string | undefined;
  /** Has an interpreter: can be asked for its libraries. */
  readonly isDynamic: boolean;
}

const ptInterp = 3;
const ptNote = 4;
const gnuBuildId = 3;

function buildIdIn(notes: DataView): string | undefined {
  for (let at = 0; at + 12 <= notes.byteLength; ) {
    const nameLength = notes.getUint32(at, true);
    const dataLength = notes.getUint32(at + 4, true);
    const type = notes.getUint32(at + 8, true);
    const dataAt = at + 12 + ((nameLength + 3) & ~3);
    if (dataLength > 64 || nameLength > 64 || dataAt + dataLength > notes.byteLength) {
      if (nameLength > 64 || dataLength > 4096) return undefined;
    } else if (type === gnuBuildId && nameLength === 4 && notes.getUint32(at + 12, true) === 0x00_55_4e_47)
      return Buffer.from(notes.buffer, notes.byteOffset + dataAt, dataLength).toString('hex');
    at = dataAt + ((dataLength + 3) & ~3);
  }
  return undefined;
}

/**
 * Reads the head of a file.
 *
 * @param head - its first 4 KiB or so; notes behind it are not found.
 * @returns undefined if it is no 64-bit little-endian ELF file.
 */
export function readElfIdentity(head: Uint8Array): ElfIdentity | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 64 || view.getUint32(0, true) !== 0x46_4c_45_7f || head[4] !== 2 || head[5] !== 1)
    return undefined;
  const tableAt = Number(view.getBigUint64(32, true));
  const entryBytes = view.getUint16(54, true);
  const entries = view.getUint16(56, true);
  let buildId: string | undefined;
  let isDynamic = false;
  for (let n = 0; n < entries; n++) {
    const at = tableAt + n * entryBytes;
    if (entryBytes < 56 || at + 56 > head.length) break;
    const type = view.getUint32(at, true);
    if (type === ptInterp) isDynamic = true;
    if (type !== ptNote) continue;
    const offset = Number(view.getBigUint64(at + 8, true));
    const size = Number(view.getBigUint64(at + 32, true));
    if (offset + size > head.length) continue;
    buildId ??= buildIdIn(new DataView(head.buffer, head.byteOffset + offset, size));
  }
  return { buildId, isDynamic };
}

/**
 * What a program is: started by the loader, so that it can be traced; a binary that cannot be (linked statically, or
 * for another kind of processor); or something else, most often a script.
 */
export type ProgramFormat = 'dynamic' | 'static' | 'script';

/** @param head - of the file, as for {@link readElfIdentity}. */
export function formatOf(head: Uint8Array): ProgramFormat {
  if (readElfIdentity(head)?.isDynamic === true) return 'dynamic';
  return Buffer.from(head.buffer, head.byteOffset, Math.min(4, head.length)).toString('latin1') ===
    '\u007fELF'
    ? 'static'
    : 'script';
}

/** Paths of the libraries in what the loader prints when LD_TRACE_LOADED_OBJECTS is set. */
export function parseLoadedObjects(text: string): string[] {
  return text.split('\n').flatMap((line) => /(?:=> |^\s+)(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}
