/**
 * The fields of messages as docs/PROTOCOL.md lists them, with values at each limit and beyond it. Nothing here comes from
 * the schemas of src/wire: the page and this file say independently of them what a field may hold.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { refusalCodes } from '../../../src/core/reason.ts';
import { outsideLooks } from '../../../src/core/view/outside-name.ts';

/** What a field may hold. */
export interface Kind {
  /** A short one. */
  readonly plain: unknown;
  /** At the limits. */
  readonly good: readonly unknown[];
  /** Beyond them, or of another shape. */
  readonly bad: readonly unknown[];
  readonly arbitrary: fc.Arbitrary<unknown>;
}

export interface Field {
  readonly name: string;
  readonly optional: boolean;
  readonly kind: Kind;
}

const most = 9_007_199_254_740_991;
const digits20 = '9'.repeat(20);

function anyOf(values: readonly unknown[], others: readonly unknown[]): Kind {
  return { plain: values[0], good: values, bad: others, arbitrary: fc.constantFrom(...values) };
}

function whole(least: number, greatest: number): Kind {
  return {
    plain: least,
    good: [least, greatest],
    bad: [least - 1, greatest + 1, least + 0.5, String(least), null],
    arbitrary: fc.integer({ min: least, max: greatest }),
  };
}

/** Strings of up to so many characters, all of which may be `fill`; `odd` strings are refused whatever their length. */
function string(length: number, fill: string, odd: readonly string[], least = 0): Kind {
  return {
    plain: fill.repeat(Math.min(length, 2)),
    good: [fill.repeat(length), fill.repeat(least)],
    bad: [fill.repeat(length + 1), ...(least > 0 ? [''] : []), ...odd, 7, null, ['x']],
    arbitrary: fc
      .string({ unit: fc.constantFrom('a', '/', ' ', '.', fill), minLength: least, maxLength: 12 })
      .map((text) => text.slice(0, length)),
  };
}

const bytes = (length: number): Kind => string(length, '\u00ff', ['a\0b', '\u0100']);
const plainText = (length: number, least = 0): Kind =>
  string(length, 'x', ['"', '\\', '\u0001', '\u00e9'], least);

function tuple(kinds: readonly Kind[]): Kind {
  const plain = kinds.map((kind) => kind.plain);
  const at = (index: number, value: unknown): unknown[] => plain.with(index, value);
  return {
    plain,
    good: kinds.flatMap((kind, index) => kind.good.map((value) => at(index, value))),
    bad: [
      plain.slice(1),
      {},
      'x',
      ...kinds.flatMap((kind, index) => kind.bad.map((value) => at(index, value))),
    ],
    arbitrary: fc.tuple(...kinds.map((kind) => kind.arbitrary)),
  };
}

/** So many of one thing. Of 70000 the JSON is made far faster from that of one. */
class Filled {
  readonly #item: unknown;
  readonly #length: number;

  constructor(item: unknown, length: number) {
    this.#item = item;
    this.#length = length;
  }

  toJSON(): string {
    return `filled ${this.#length} ${JSON.stringify(this.#item)}`;
  }
}

/** The JSON of what these kinds hold. */
export function jsonOf(value: unknown): string | undefined {
  return JSON.stringify(value)?.replaceAll(/"filled \d+ (?:[^"\\]|\\.)*"/gu, (quoted) => {
    const [, length = '', item = ''] = /^filled (\d+) (.*)$/su.exec(JSON.parse(quoted) as string) ?? [];
    return `[${`,${item}`.repeat(Number(length)).slice(1)}]`;
  });
}

function list(length: number, kind: Kind): Kind {
  const filled = (size: number): Filled => new Filled(kind.plain, size);
  return {
    plain: [kind.plain],
    good: [[], filled(length), ...kind.good.map((value) => [value])],
    bad: [filled(length + 1), {}, 'x', null, ...kind.bad.map((value) => [value])],
    arbitrary: fc.array(kind.arbitrary, { maxLength: 3 }),
  };
}

/** The whole object with one field replaced; undefined takes it out. */
export function withField(
  fields: readonly Field[],
  name: string,
  value: unknown,
): Readonly<Record<string, unknown>> {
  const entries = fields.map((field) => [field.name, field.name === name ? value : field.kind.plain]);
  return Object.fromEntries(entries.filter(([, held]) => held !== undefined)) as Record<string, unknown>;
}

export function arbitraryOf(fields: readonly Field[]): fc.Arbitrary<Record<string, unknown>> {
  const requiredKeys = fields.filter(({ optional }) => !optional).map(({ name }) => name);
  const values = Object.fromEntries(fields.map(({ name, kind }) => [name, kind.arbitrary]));
  return fc.record(values, { requiredKeys, noNullPrototype: true });
}

function object(fields: readonly Field[]): Kind {
  return {
    plain: withField(fields, '', undefined),
    good: fields.flatMap(({ name, kind, optional }) =>
      [...kind.good, ...(optional ? [undefined] : [])].map((value) => withField(fields, name, value)),
    ),
    bad: fields.flatMap(({ name, kind, optional }) =>
      [...kind.bad, ...(optional ? [] : [undefined])].map((value) => withField(fields, name, value)),
    ),
    arbitrary: arbitraryOf(fields),
  };
}

const inode = anyOf(
  ['0', digits20, '7>a\n>b\u00e9>9', `1>${'x'.repeat(4_000)}`],
  ['', 'x', '>x', '-1', '1>\u0100', `${digits20}9`, `1>${'x'.repeat(5_000)}`, 7],
);
const timeNs = anyOf(['0', digits20, `-${digits20}`], ['', 'x', '1.5', `${digits20}9`, 7]);
const fact = tuple([
  anyOf(['f', 'd', 'l', 'o', 'a'], ['x', 'file', 7]),
  inode,
  whole(-1, most),
  timeNs,
  timeNs,
]);
const path = bytes(4_096);

/** Runs of numbers: each at its plain is one number long, and another one than the last. */
const run: Kind = {
  plain: [3, 3],
  good: [
    [0, 0],
    [0, 999_999],
    [most, most],
  ],
  bad: [[0, 1_000_000], [5, 4], [-1, 0], [1], 'x'],
  arbitrary: fc.tuple(fc.nat(1_000), fc.nat(20)).map(([first, more]) => [first, first + more]),
};

const words: Readonly<Record<string, Kind>> = {
  'yes or no': anyOf([true, false], ['true', 1, null]),
  count: whole(0, most),
  small: whole(0, 65_535),
  text: string(1_024, '\u00e9', []),
  mask: anyOf(['0', 'f'.repeat(16), 'DEAD'], ['', 'g', 'f'.repeat(17), 7]),
  limits: anyOf(
    ['', 'as:0:-', `stack:${digits20}:${digits20},core:-:-`, Array(16).fill('nofile:1:2').join(',')],
    ['as', 'as:1', 'as:1:2,', 'AS:1:2', `as:${digits20}9:-`, Array(17).fill('nofile:1:2').join(','), 7],
  ),
  path,
  device: anyOf(['0', digits20], ['', 'x', '-1', `${digits20}9`, 7]),
  fact,
  seen: tuple([path, fact]),
  run,
  ending: {
    plain: { kind: 'exited', status: 0 },
    good: [
      { kind: 'exited', status: 255 },
      { kind: 'signaled', signal: 1, core: true },
      { kind: 'signaled', signal: 64, core: false },
    ],
    bad: [
      { kind: 'exited', status: 256 },
      { kind: 'exited', status: -1 },
      { kind: 'signaled', signal: 0, core: false },
      { kind: 'signaled', signal: 65, core: false },
      { kind: 'signaled', signal: 9 },
      { kind: 'ended' },
    ],
    arbitrary: fc.constantFrom({ kind: 'exited', status: 7 }, { kind: 'signaled', signal: 9, core: true }),
  },
  'lasting key': anyOf(
    [`${'A'.repeat(43)}=`, `${'+/9z'.repeat(10)}abc=`],
    ['', 'A'.repeat(44), `${'A'.repeat(44)}=`, `${'!'.repeat(43)}=`, 7],
  ),
  '32 bytes, base64': anyOf([`${'A'.repeat(43)}=`], ['', 'A'.repeat(44), 7]),
  'machine name': anyOf(
    ['a', `Z${'._-9'.repeat(15)}xyz`],
    ['', '.a', '-a', 'a/b', 'a\n', 'a'.repeat(65), '\u00e9', 7],
  ),
  signature: anyOf(
    [`${'A'.repeat(86)}==`, `${'+/9z'.repeat(21)}ab==`],
    ['', 'A'.repeat(88), `${'A'.repeat(87)}==`, 7],
  ),
  look: anyOf(outsideLooks, ['odd', '', 7]),
  refusal: anyOf(refusalCodes, ['lost-peer', 'odd', '', 7]),
  // of key=value strings
  'path or empty': anyOf(['/', '', `/${'x'.repeat(4_095)}`], ['relative', `/${'x'.repeat(4_096)}`, '/\0']),
};

/** The page's word for a limit as values. */
function kindOf(limit: string, tables: ReadonlyMap<string, readonly Field[]>): Kind {
  const known = words[limit];
  if (known !== undefined) return known;
  const fields = tables.get(limit);
  if (fields !== undefined) return object(fields);
  const of = (expression: RegExp): string[] => expression.exec(limit)?.slice(1) ?? [];
  const [length, of1 = ''] = of(/^(\d+) × (.+)$/u);
  if (length !== undefined) return list(Number(length), kindOf(of1, tables));
  const [inner] = of(/^\[(.+)\]$/u);
  if (inner !== undefined) return tuple(inner.split(', ').map((each) => kindOf(each, tables)));
  const [choices] = of(/^one of (.+)$/u);
  if (choices !== undefined)
    return anyOf(
      choices.split(', ').map((each) => (each === 'empty' ? '' : each)),
      ['odd', 7, null],
    );
  const [least, greatest] = of(/^(\d+) to (\d+)$/u);
  if (least !== undefined) return whole(Number(least), Number(greatest));
  const [lower, upper] = of(/^fraction ([\d.]+) to (\d+)$/u);
  if (lower !== undefined) {
    const [min, max] = [Number(lower), Number(upper)];
    const arbitrary = fc.double({ min, max, noNaN: true }).map((value) => (value === 0 ? 0 : value));
    return { plain: min, good: [min, max], bad: [min - 0.001, max + 0.001, 'x', null], arbitrary };
  }
  const [shortest, plainLength] = of(/^(?:(\d+) to )?(\d+) plain characters$/u);
  if (plainLength !== undefined) return plainText(Number(plainLength), Number(shortest ?? 0));
  const [characters] = of(/^(\d+) characters$/u);
  if (characters !== undefined) return string(Number(characters), '\u00e9', []);
  const [byteLength] = of(/^(\d+) bytes$/u);
  if (byteLength !== undefined) return bytes(Number(byteLength));
  const [base, top] = of(/^(decimal|octal) to (\d+)$/u);
  if (base !== undefined && top !== undefined) {
    const radix = base === 'octal' ? 8 : 10;
    const over = (Number.parseInt(top, radix) + 1).toString(radix);
    return anyOf(['0', top], [over, '-1', '', 'x', '1'.repeat(11), ...(radix === 8 ? ['8'] : [])]);
  }
  throw new Error(`docs/PROTOCOL.md has a limit that this test does not know: ${limit}`);
}

/** Tables of the page with the head `field | limit | is`, by the words in bold before each. */
function readTables(): ReadonlyMap<string, readonly Field[]> {
  const page = readFileSync(fileURLToPath(new URL('../../../../docs/PROTOCOL.md', import.meta.url)), 'utf8');
  const found = [
    ...page.matchAll(/^\*\*([^*]+)\*\*[^|]*\n\| field \| limit \| is \|\n\|---\|---\|---\|\n((?:\|.*\n)+)/gm),
  ];
  const tables = new Map<string, readonly Field[]>();
  // Last first: what a message is made of stands below it. A load report stands below those that only carry it.
  const rows = new Map(found.map(([, name = '', body = '']) => [name, body.trim().split('\n')]));
  const read = (name: string): readonly Field[] => {
    const made = tables.get(name);
    if (made !== undefined) return made;
    const fields = (rows.get(name) ?? []).map((row): Field => {
      const [, label = '', limit = ''] = row.split('|').map((cell) => cell.trim());
      const bare = label.replaceAll('`', '');
      for (const other of rows.keys()) if (other !== name && limit.endsWith(other)) read(other);
      return { name: bare.replace('?', ''), optional: bare.endsWith('?'), kind: kindOf(limit, tables) };
    });
    tables.set(name, fields);
    return fields;
  };
  for (const name of rows.keys()) read(name);
  return tables;
}

/** What the page says of each message, and of each object in one. */
export const tables = readTables();
