/** Real tools, run with the tracing library: it names all that the kernel was asked for, as strace tells it. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readTrace, type Traced } from '../../src/core/view/trace.ts';
import { parseRecord } from '../../src/share/look-answer.ts';
import { splitNul } from '../../src/wire/bytes.ts';
import { recordsAt, Tracer } from '../../src/work/tracer.ts';
import { checkout } from '../rig/child.ts';

/** Sources that need more than a dependency file tells. */
const sources: Readonly<Record<string, string>> = {
  'a.c': '#include "d/x.h"\n#if __has_include(<no/such.h>)\n#endif\nint main(void) { return x; }\n',
  'inc/d/x.h': '#include <stdio.h>\nstatic int x;\n',
  'b.cc': '#include <memory>\nint f() { return *std::make_unique<int>(1); }\n',
  'blob.S': '.data\n.incbin "d/blob.bin"\n.include "macros.s"\n',
  'inline.c': '__asm__(".incbin \\"d/blob.bin\\"");\nint i;\n',
  'd/blob.bin': 'blob',
  'macros.s': '.long 1\n',
  'script.ld': 'INPUT(a.o)\n',
  words: '-c a.c -Iinc -o w.o',
};

interface Run {
  /** Absolute names that it took. */
  readonly named: ReadonlySet<string>;
  readonly traced: Traced;
}

class Bench {
  readonly directory = realpathSync(mkdtempSync(path.join(tmpdir(), 'trace-')));
  readonly tree = path.join(this.directory, 'tree');
  #tracer: Tracer | undefined;

  static async open(): Promise<Bench> {
    const bench = new Bench();
    for (const [name, text] of Object.entries(sources)) {
      mkdirSync(path.dirname(path.join(bench.tree, name)), { recursive: true });
      writeFileSync(path.join(bench.tree, name), text);
    }
    const tracer = await Tracer.open(checkout, bench.directory);
    if (typeof tracer === 'string') throw new Error(tracer);
    bench.#tracer = tracer;
    return bench;
  }

  [Symbol.dispose](): void {
    this.#tracer?.close();
    rmSync(this.directory, { recursive: true });
  }

  /** @param log - where strace writes, if it watches. */
  run(words: readonly string[], outputs: readonly string[] = [], log?: string): Run {
    const tracer = this.#tracer;
    assert.ok(tracer !== undefined);
    const trace = tracer.begin(this.tree);
    const entries = splitNul(trace.environmentOf(Buffer.from('PATH=/usr/bin:/bin\0LC_ALL=C\0')), 10);
    // strace itself is not to be traced.
    const argv =
      log === undefined
        ? ['env', ...entries, ...words]
        : ['strace', '-f', '-qq', '-o', log, '-e', 'trace=%file', 'env', '-i', ...entries, ...words];
    const [program = '', ...rest] = argv;
    const env = log === undefined ? {} : { PATH: process.env['PATH'] };
    const ended = spawnSync(program, rest, { cwd: this.tree, env: { PATH: '/usr/bin:/bin', ...env } });
    assert.equal(ended.status, 0, `${words.join(' ')}: ${String(ended.stderr)}`);
    const records = trace.records();
    tracer.end(trace);
    const named = new Set(
      [...records.matchAll(/(?:R\0([^\0]*)\0[^]{33}|[a-z][^]([^\0]*)\0)/g)].map(([, seen, name]) =>
        path.resolve(this.tree, seen ?? name ?? ''),
      ),
    );
    const traced = readTrace(records, {
      cwd: this.tree,
      root: this.tree,
      outputs: outputs.map((name) => path.join(this.tree, name)),
      passedOver: [tracer.directory],
      ownDirectories: {},
      timeZone: undefined,
      searchPath: '/usr/bin:/bin',
    });
    return { named, traced };
  }
}

/** What the loader, the locale and the C library's own tables take: equal where the programs are equal, or told otherwise. */
const ofLibrary =
  /^\/etc\/ld\.so\.|\/glibc-hwcaps\/|\/gconv\/|\/locale\/|\.so(?:\.\d+)*$|\/lib\/tls|\/lib\/[\w-]+\/\.\.\/lib(?:\/|$)|\/bfd-plugins\/\.\.\/lib|\/llvm-\d+\/.*\/\.\.\/lib/;

/** Names in a log of strace that a trace has to hold: those asked for by name, but for programs tried along PATH. */
function askedOf(log: string, tree: string): string[] {
  const asked = new Set<string>();
  for (const line of readFileSync(log, 'latin1').split('\n')) {
    const [, call = '', name = ''] =
      /^\d+ +(\w+)\((?:AT_FDCWD, |\d+(?:<[^>]*>)?, )?"([^"]*)"/.exec(line) ?? [];
    // Of realpath, which reads a link in each part of a way, the way itself is recorded.
    if (call === '' || name === '' || ['getcwd', 'execve', 'readlink'].includes(call)) continue;
    const resolved = path.resolve(tree, name);
    if (!ofLibrary.test(name) && !ofLibrary.test(resolved)) asked.add(resolved);
  }
  return [...asked];
}

const compiles = [
  'gcc -c a.c -Iinc -o a.o',
  'gcc -MMD -O2 -g -c a.c -Iinc -o a.o',
  'gcc -Iinc -fsyntax-only a.c',
  'gcc -Iinc -S a.c',
  'gcc @words',
  'g++ -c b.cc -o b.o',
  'g++ -pipe -c b.cc -o b.o',
  'gcc -c blob.S -o blob.o',
  'gcc -c inline.c -o inline.o',
  'gcc -flto -c a.c -Iinc -o lto.o',
  'clang -c a.c -Iinc -o a.o',
  'clang++ -c b.cc -o b.o',
  'clang -c inline.c -o inline.o',
  'clang -c blob.S -o blob.o',
  'as blob.S -o as.o',
];
const links = [
  'gcc a.o -o prog -lm',
  'gcc -static a.o -o prog',
  'gcc -fuse-ld=gold a.o -o prog',
  'g++ a.o b.o -shared -fPIC -o lib.so',
  'clang a.o -o prog',
  'gcc script.ld -o prog',
  'gcc -flto lto.o -o prog',
  'gcc -Iinc a.c -o prog',
  'ar rcs l.a a.o b.o',
  'ar rcsT thin.a b.o',
  'gcc a.o thin.a -o prog',
  'ld -r a.o b.o -o r.o',
  'ranlib l.a',
  'strip prog',
];

test('a trace that is used again holds nothing of the job before', async () => {
  using bench = await Bench.open();
  const tracer = await Tracer.open(checkout, bench.directory);
  assert.ok(tracer instanceof Tracer);
  const trace = tracer.begin('/a/longer/directory');
  for (const names of [10, 30_000, 100_000]) {
    const records = Buffer.from('r\0/some/header.h\0'.repeat(names));
    const file = openSync(trace.path, 'r+');
    writeSync(file, records, 0, records.length, recordsAt);
    const used = Buffer.alloc(8);
    used.writeBigUInt64LE(BigInt(recordsAt + records.length));
    writeSync(file, used, 0, 8, 0);
    closeSync(file);
    assert.equal(trace.records(), records.toString());
    tracer.end(trace);
    assert.equal(tracer.begin('/a'), trace);
    assert.equal(trace.records(), '');
    const bytes = readFileSync(trace.path);
    assert.equal(bytes.toString('latin1', 8, 11), '/a\0');
    assert.equal(bytes.length, 16 * 1024 * 1024);
    assert.ok(bytes.subarray(recordsAt).equals(Buffer.alloc(bytes.length - recordsAt)));
  }
  // Nor what one did to the head, which the next job of this directory needs.
  const file = openSync(trace.path, 'r+');
  writeSync(file, Buffer.from('\x01\0\0\0\0\0\0\0/elsewhere\0'), 0, 19, 0);
  closeSync(file);
  tracer.end(trace);
  tracer.begin('/a');
  const head = readFileSync(trace.path).subarray(0, recordsAt);
  assert.equal(head.readBigUInt64LE(), BigInt(recordsAt));
  assert.equal(head.toString('latin1', 8, 20), '/a'.padEnd(12, '\0'));
  tracer.close();
});

test('a trace holds every name that the kernel was asked for, whatever the tool', async (t) => {
  using bench = await Bench.open();
  const log = path.join(bench.directory, 'strace.log');
  for (const line of [...compiles, ...links])
    await t.test(line, () => {
      const { named, traced } = bench.run(line.split(' '), [], log);
      const asked = askedOf(log, bench.tree);
      assert.ok(asked.length > 2, 'strace tells what was asked for');
      const missing = asked.filter(
        (name) => !named.has(name) && !name.startsWith(`${bench.directory}/trace-`),
      );
      assert.deepEqual(missing, []);
      assert.equal(traced.gap, undefined);
    });
});

const inTree = (bench: Bench, names: Iterable<string>): string[] =>
  [...names].map((name) => path.relative(bench.tree, path.resolve(name))).toSorted();

test('what an assembler reads, what was looked up in vain and what a link takes are told', async () => {
  using bench = await Bench.open();
  for (const compiler of ['gcc', 'clang'])
    for (const source of ['blob.S', 'inline.c']) {
      const { traced } = bench.run([compiler, '-c', source, '-o', 'o.o'], ['o.o']);
      assert.ok(inTree(bench, traced.files.keys()).includes('d/blob.bin'), `${compiler} ${source}`);
      assert.deepEqual([traced.made.filter((name) => existsSync(name)), traced.replaced], [[], []]);
    }
  const { traced } = bench.run(['gcc', '-Iinc', '-c', 'a.c'], ['a.o']);
  const searched = inTree(bench, traced.searched);
  for (const name of ['', 'd', 'inc', 'inc/d', 'inc/no']) assert.ok(searched.includes(name), name);
  const absent = traced.outside.map(({ path: name }) => name);
  assert.ok(absent.includes('/usr/local/include/no/such.h') && absent.includes('/usr/include/no/such.h'));
  execFileSync('ar', ['rcsT', 'thin.a', 'a.o'], { cwd: bench.tree });
  const link = bench.run(['gcc', 'thin.a', '-L.', '-lm', '-o', 'prog'], ['prog']).traced;
  assert.deepEqual(
    inTree(bench, link.files.keys()).filter((name) => name !== ''),
    ['a.o', 'thin.a'],
  );
  const libraries = link.outside.map(({ path: name }) => path.basename(name));
  for (const name of ['libm.so', 'libm.so.6', 'libc.so.6', 'Scrt1.o', 'crtbeginS.o', 'liblto_plugin.so'])
    assert.ok(libraries.includes(name), name);
});

test('what was opened tells what it was then, by whatever function', async () => {
  using bench = await Bench.open();
  const factOf = (name: string) => {
    const { ino, size, mtimeNs, ctimeNs } = statSync(path.join(bench.tree, name), { bigint: true });
    const times = { mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs) };
    return { kind: 'file', inode: String(ino), sizeBytes: Number(size), ...times };
  };
  symlinkSync('d/blob.bin', path.join(bench.tree, 'link'));
  const calls = [
    'open("macros.s", O_RDONLY)',
    'open64("macros.s", O_RDONLY)',
    'openat(open("d", O_RDONLY | O_DIRECTORY), "blob.bin", O_RDONLY)',
    'openat64(open("d", O_RDONLY | O_DIRECTORY), "blob.bin", O_RDONLY)',
    'fopen("macros.s", "r") != NULL',
    'fopen64("macros.s", "rb") != NULL',
    'freopen("macros.s", "r", stdin) != NULL',
    'freopen64("macros.s", "r", stdin) != NULL',
    'open("link", O_RDONLY)',
  ];
  for (const call of calls) {
    const head = '#define _GNU_SOURCE\n#include <fcntl.h>\n#include <stdio.h>\n';
    writeFileSync(path.join(bench.tree, 'call.c'), `${head}int main(void) { return (${call}) < 0; }\n`);
    execFileSync('gcc', ['call.c', '-o', 'call'], { cwd: bench.tree });
    const [name = ''] = /macros\.s|blob\.bin|link/.exec(call) ?? [];
    const { files } = bench.run(['./call']).traced;
    const [, seen] = [...files].find(([file]) => file.endsWith(`/${name}`)) ?? [];
    const real = name === 'macros.s' ? name : 'd/blob.bin';
    assert.deepEqual(seen && parseRecord(seen), factOf(real), call);
  }
  const { files } = bench.run(['gcc', '-c', 'a.c', '-Iinc', '-o', 'a.o'], ['a.o']).traced;
  for (const name of ['a.c', 'inc/d/x.h']) {
    const seen = files.get(path.join(bench.tree, name));
    assert.deepEqual(seen && parseRecord(seen), factOf(name), name);
  }
  // What was only looked at is looked at again.
  const looked = bench.run(['sh', '-c', 'test -e macros.s']).traced.files;
  assert.deepEqual([...looked], [[path.join(bench.tree, 'macros.s'), undefined]]);
});

test('an archive that is changed was read before, and a program that cannot be traced leaves a gap', async () => {
  using bench = await Bench.open();
  bench.run(['gcc', '-Iinc', '-c', 'a.c'], ['a.o']);
  const made = bench.run(['ar', 'rcs', 'l.a', 'a.o'], ['l.a']).traced;
  assert.deepEqual(made.replaced, []);
  const changed = bench.run(['ar', 'rcs', 'l.a', 'a.o'], ['l.a']).traced;
  assert.deepEqual(inTree(bench, changed.replaced), ['l.a']);
  writeFileSync(path.join(bench.tree, 's.c'), 'int main(void) { return 0; }\n');
  execFileSync('gcc', ['-static', 's.c', '-o', 's'], { cwd: bench.tree });
  assert.match(bench.run(['./s']).traced.gap ?? '', /cannot be traced/);
  assert.match(bench.run(['sh', '-c', './s; :']).traced.gap ?? '', /that it started cannot be traced/);
});

test('without room for all names nothing is proven, and a library that does not load is told of', async () => {
  using bench = await Bench.open();
  const broken = path.join(bench.directory, 'package');
  mkdirSync(path.join(broken, 'bin'), { recursive: true });
  const why = async (): Promise<string> => {
    const found = await Tracer.open(broken, bench.directory);
    return typeof found === 'string' ? found : 'it works';
  };
  assert.match(await why(), /there is no .*swarmtrace\.so/);
  writeFileSync(path.join(broken, 'bin/swarmtrace.so'), 'not a library');
  assert.match(await why(), /does not work here/);
});

test('where no file may be as long as a trace, that is what is told', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'trace-'));
  try {
    const tracer = JSON.stringify(path.join(checkout, 'dist/src/work/tracer.js'));
    const open = `Tracer.open(${JSON.stringify(checkout)}, ${JSON.stringify(directory)})`;
    const program = `const { Tracer } = await import(${tracer}); console.log(await ${open});`;
    const limited = ['bash', ['-c', 'ulimit -f 2000; exec "$@"', 'bash', process.execPath]] as const;
    const said = execFileSync(limited[0], [...limited[1], '--input-type=module', '-e', program]).toString();
    assert.match(said, /^no file may be as long as a trace, .*ulimit -f/);
    assert.deepEqual(readdirSync(directory), []);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
