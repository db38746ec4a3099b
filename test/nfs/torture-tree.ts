/** The tree that the torture keeps changing, and its changes: each a row of what is known to be seen stale on NFS. */
import fs from 'node:fs';
import { dirname, join } from 'node:path';

const kinds = [
  'rewrite',
  'rename',
  'rename-linked',
  'rename-held',
  'earlier',
  'remove-earlier',
  'swap',
  'link',
  'generate',
  'source',
  'object',
  'subdirectory',
  'shadow',
  'blob',
] as const;

export type ChangeKind = (typeof kinds)[number];

/** What a client sees stale most often: a name that leads elsewhere while the old file or directory lives on. */
export const mostStale: readonly ChangeKind[] = ['rename-linked', 'swap', 'link', 'earlier'];

const headers = 8;
export const sources = 12;

export class TortureTree {
  readonly root: string;
  readonly #random: () => number;
  readonly #kinds: readonly ChangeKind[];
  readonly #held: number[] = [];
  #version = 0;

  /** @param changes - kinds of change to make. */
  constructor(root: string, random: () => number, changes: readonly ChangeKind[] = kinds) {
    this.root = root;
    this.#random = random;
    this.#kinds = changes;
  }

  /** Directories, headers in the later of two include directories, sources that include some of them. */
  make(): void {
    for (const directory of ['a', 'b', 'a/sub', 'b/sub', 'swap', 'gen', 'src', 'out', 'store']) {
      fs.mkdirSync(this.#at(directory), { recursive: true });
    }
    for (let n = 0; n < headers; n += 1) {
      this.#write(`b/h${n}.h`);
      this.#write(`b/sub/h${n}.h`);
      this.#write(`swap/h${n}.h`);
      this.#write(`gen/g${n}.h`);
    }
    this.#write('b/detail/x.h');
    this.#write('b/cfg/local.h');
    this.#put('gen/blob.bin', this.#text());
    for (let n = 0; n < sources; n += 1) this.#writeSource(n);
  }

  /** One change by chance. @returns what it was. */
  change(): string {
    const n = this.#below(headers);
    const directory = this.#pick(['a', 'b', 'a/sub', 'b/sub', 'swap', 'gen']);
    const name = `${directory}/${directory === 'gen' ? 'g' : 'h'}${n}.h`;
    const kind = this.#pick(this.#kinds);
    switch (kind) {
      case 'rewrite':
        if (fs.existsSync(this.#at(name))) this.#write(name);
        break;
      case 'rename':
        if (fs.existsSync(this.#at(name))) this.#renameOver(name);
        break;
      case 'rename-linked':
        this.#renameOverLinked(name);
        break;
      case 'rename-held':
        if (!fs.existsSync(this.#at(name))) break;
        this.#held.push(fs.openSync(this.#at(name), 'r'));
        if (this.#held.length > 8) fs.closeSync(this.#held.shift() ?? 0);
        this.#renameOver(name);
        break;
      case 'earlier':
        this.#write(`${this.#pick(['a', 'a/sub'])}/h${n}.h`);
        break;
      case 'remove-earlier':
        fs.rmSync(this.#at(`${this.#pick(['a', 'a/sub'])}/h${n}.h`), { force: true });
        break;
      case 'swap':
        this.#swapDirectory();
        break;
      case 'link':
        this.#swapLink(n);
        break;
      case 'generate':
        this.#renameOver(`gen/g${n}.h`);
        break;
      case 'source':
        this.#writeSource(this.#below(sources));
        break;
      case 'object':
        fs.rmSync(this.#at(`out/f${this.#below(sources)}.o`), { force: true });
        break;
      case 'shadow':
        this.#shadow();
        break;
      case 'blob':
        this.#renameOver('gen/blob.bin');
        break;
      default:
        this.#makeSubdirectory();
    }
    return `${kind} ${name}`;
  }

  source(n: number): string {
    return `src/f${n}.c`;
  }

  #renameOverLinked(name: string): void {
    if (!fs.existsSync(this.#at(name))) return;
    fs.linkSync(this.#at(name), this.#at(`store/${(this.#version += 1)}`));
    this.#renameOver(name);
  }

  #makeSubdirectory(): void {
    const sub = `a/sub${this.#version % 3}`;
    fs.rmSync(this.#at(sub), { recursive: true, force: true });
    fs.mkdirSync(this.#at(sub));
  }

  /** Beside the source, or in an earlier directory than before: searched first, and most often not there. */
  #shadow(): void {
    const name = this.#pick(['src/detail/x.h', 'a/detail/x.h', 'src/cfg/local.h', 'a/cfg/local.h']);
    if (fs.existsSync(this.#at(name))) fs.rmSync(this.#at(name));
    else this.#write(name);
  }

  #swapDirectory(): void {
    const next = this.#at('swap.new');
    fs.mkdirSync(next);
    for (let n = 0; n < headers; n += 1) this.#write(`swap.new/h${n}.h`);
    const old = this.#at(`store/swap-${(this.#version += 1)}`);
    fs.renameSync(this.#at('swap'), old);
    fs.renameSync(next, this.#at('swap'));
    if (this.#random() < 0.5) {
      // NFS keeps what is open here under a hidden name, and the directory with it.
      for (const held of this.#held.splice(0)) fs.closeSync(held);
      fs.rmSync(old, { recursive: true, maxRetries: 5 });
    }
  }

  #swapLink(n: number): void {
    const target = this.#pick(['gen', 'b', 'swap']);
    const link = this.#at(`a/h${n}.h`);
    fs.rmSync(`${link}.new`, { force: true });
    fs.symlinkSync(`../${target}/${target === 'gen' ? 'g' : 'h'}${n}.h`, `${link}.new`);
    fs.renameSync(`${link}.new`, link);
  }

  #writeSource(n: number): void {
    const names = Array.from({ length: 4 }, () => {
      const header = this.#below(headers);
      return this.#pick([
        `<h${header}.h>`,
        `<sub/h${header}.h>`,
        `"../swap/h${header}.h"`,
        `"../gen/g${header}.h"`,
        '"detail/x.h"',
      ]);
    });
    const includes = names.map((name, at) => `#define SLOT s${at}\n#include ${name}\n#undef SLOT`).join('\n');
    const more = this.#pick([
      '',
      '#if __has_include("cfg/local.h")\n#define SLOT local\n#include "cfg/local.h"\n#undef SLOT\n#endif\n',
      '__asm__(".pushsection .data\\n.incbin \\"gen/blob.bin\\"\\n.popsection");\n',
    ]);
    this.#put(this.source(n), `${includes}\n${more}int f${n} = ${(this.#version += 1)};\n`);
  }

  /** A header yields a different constant each time it is written, so that an old one changes the object. */
  #text(): string {
    return `static const int SLOT __attribute__((used)) = ${(this.#version += 1)};\n`;
  }

  #write(name: string): void {
    this.#put(name, this.#text());
  }

  #renameOver(name: string): void {
    this.#put(`${name}.tmp`, this.#text());
    fs.renameSync(this.#at(`${name}.tmp`), this.#at(name));
  }

  #put(name: string, text: string): void {
    fs.mkdirSync(dirname(this.#at(name)), { recursive: true });
    fs.writeFileSync(this.#at(name), text);
  }

  #at(name: string): string {
    return join(this.root, name);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<Item>(items: readonly [Item, ...Item[]]): Item;
  #pick<Item>(items: readonly Item[]): Item;
  #pick<Item>(items: readonly Item[]): Item {
    const item = items[this.#below(items.length)];
    if (item === undefined) throw new Error('internal: picked from nothing');
    return item;
  }
}
