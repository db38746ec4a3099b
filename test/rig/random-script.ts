/** Shell scripts by chance that make, change, move and remove names in a small tree. */
import { nextInteger, type RandomState } from '../../src/core/random.ts';

const directories = ['.', 'd', 'e', 'd/x', 'd/x/y', 'new'] as const;
const names = ['a', 'b', 'c.o', 'c.d', 'ln', "odd 'name"] as const;

export class RandomScript {
  readonly #random: RandomState;
  #count = 0;

  constructor(random: RandomState) {
    this.#random = random;
  }

  /** What makes the tree that scripts work on; times are long past, to the nanosecond. */
  tree(): string {
    const lines = ['mkdir -p d/x e'];
    for (let n = 0; n < 12; n += 1)
      lines.push(this.#pick([() => this.#write(), () => this.#link(), () => this.#hardLink()])());
    lines.push(`find . -exec touch -h -d @1000000000.123456789 {} +`);
    return lines.join('\n');
  }

  script(lines: number): string {
    const changes = [
      () => this.#write(),
      () => this.#write(),
      () => this.#append(),
      () => `rm -f ${this.#file()}`,
      () => `rm -rf ${this.#directory()}`,
      () => `mv -f ${this.#file()} ${this.#file()}`,
      () => `cp -f ${this.#file()} ${this.#file()}`,
      () => `cp -p ${this.#file()} ${this.#file()}`,
      // Into itself it copies what the order of names lets it see.
      () => `cp -r ${this.#pick(['e', 'new'])} ${this.#pick(['d', 'd/x', 'd/x/y'])}`,
      () => `cp -rp ${this.#pick(['d', 'd/x'])} ${this.#pick(['e', 'new'])}`,
      () => this.#link(),
      () => this.#hardLink(),
      () => `ln -sfn ${this.#pick(['a', '../b', 'd', '/nowhere', 'ln'])} ${this.#file()}`,
      () => `mkdir ${this.#directory()}`,
      () => `mkdir -p ${this.#directory()}`,
      () => `rmdir ${this.#directory()}`,
      () => `mv ${this.#directory()} ${this.#directory()}`,
      // No 2775: mv copies a directory into such a one where it is not renamed, and the copy is of its kind.
      () => `chmod ${this.#pick(['600', '755', '4755', 'a-w', '775', '1777'])} ${this.#any()}`,
      () =>
        `touch -h -d @${900_000_000 + this.#next()}.${this.#pick(['0', '5', '987654321'])} ${this.#any()}`,
      // Of a name of its own: whatever opens it would wait for ever.
      () => `mkfifo ${this.#pick(directories)}/fifo`,
      () => `umask ${this.#pick(['022', '077', '002', '0'])}`,
      () => `sed -i s/1/2/ ${this.#file()}`,
      () => `truncate -s ${this.#pick([0, 3, 100_000])} ${this.#file()}`,
      () => this.#again(),
    ];
    return Array.from({ length: lines }, () => this.#pick(changes)()).join('\n');
  }

  /** A directory that is removed and made again. */
  #again(): string {
    const directory = this.#pick(['d', 'e', 'd/x', 'new']);
    return `rm -rf ${directory}; mkdir ${directory}; echo ${this.#next()} > ${directory}/${this.#pick(['a', 'c.o'])}`;
  }

  #write(): string {
    return `echo ${this.#next()} > ${this.#file()}`;
  }

  #append(): string {
    return `echo ${this.#next()} >> ${this.#file()}`;
  }

  #link(): string {
    return `ln -s ${this.#pick(['a', '../b', 'd', 'x/y', '/nowhere'])} ${this.#file()}`;
  }

  #hardLink(): string {
    return `ln ${this.#file()} ${this.#file()}`;
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }

  #pick<T>(from: readonly T[]): T {
    return from[nextInteger(this.#random, from.length)] as T;
  }

  #directory(): string {
    return this.#pick(directories.slice(1));
  }

  #file(): string {
    return `"${this.#pick(directories)}/${this.#pick(names)}"`;
  }

  #any(): string {
    return this.#pick([this.#file(), this.#directory()]);
  }
}
