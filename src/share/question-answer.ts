/** Questions about single names, of several kinds at once: what is to be seen after a job takes one request. How they cross. */
import { type Fact, factBytes } from '../core/fact.ts';
import type { OutsideLook, OutsideName } from '../core/view/outside-name.ts';
import type { ByteString } from '../wire/bytes.ts';
import { parseRecord, wrongLength } from './look-answer.ts';

export interface Questions {
  /** The fact of each, for which the server is asked. */
  readonly fresh: readonly ByteString[];
  /** Of what is there behind links. */
  readonly behind: readonly ByteString[];
  /** `lstat`: of a link itself. */
  readonly plain: readonly ByteString[];
  /** What shows that an answer about a name outside the share still holds: as long as that is the same, so is the answer. */
  readonly stamped: readonly OutsideName[];
}

/** In the order of the questions. */
export interface Answers {
  readonly fresh: readonly Fact[];
  readonly behind: readonly Fact[];
  readonly plain: readonly Fact[];
  readonly stamped: readonly string[];
}

const mark = 0xff_ff_ff_fe;

/** A request of these questions, each a letter and a path that ends in NUL, as src/native/swarmlook/questions.h has them. */
export function packText(text: string): Buffer {
  const request = Buffer.allocUnsafe(8 + text.length);
  request.writeUInt32LE(4 + text.length, 0);
  request.writeUInt32LE(mark, 4);
  request.write(text, 8, 'latin1');
  return request;
}
/** As src/native/swarmlook/questions.h has them. */
const stampLetters: Readonly<Record<OutsideLook, string>> = {
  content: 'c',
  names: 'n',
  link: 'l',
  place: 'p',
};

/** As swarmlook reads it from its stdin. */
export function packQuestions({ fresh, behind, plain, stamped }: Questions): Buffer {
  let text = '';
  for (const path of fresh) text += `F${path}\0`;
  for (const path of behind) text += `S${path}\0`;
  for (const path of plain) text += `L${path}\0`;
  for (const { look, path } of stamped) text += `${stampLetters[look]}${path}\0`;
  return packText(text);
}

/**
 * Reads swarmlook's answers, without their first eight bytes (length and errno). Links among `fresh` are told as they are.
 *
 * @throws Error if these are none.
 */
export function parseAnswers(answer: Buffer, { fresh, behind, plain, stamped }: Questions): Answers {
  let at = 0;
  const take = (bytes: number): string => {
    at += bytes;
    return answer.toString('latin1', at - bytes, at);
  };
  const record = (): Fact => parseRecord(take(factBytes));
  const facts = [fresh, behind, plain].map((paths) => paths.map(record));
  const stamps = stamped.map(() => {
    at += 2;
    return take(answer.readUInt16LE(at - 2));
  });
  if (at !== answer.length) throw wrongLength();
  const [freshFacts = [], behindFacts = [], plainFacts = []] = facts;
  return { fresh: freshFacts, behind: behindFacts, plain: plainFacts, stamped: stamps };
}
