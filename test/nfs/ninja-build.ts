/**
 * Runs on the submitter's guest: builds LevelDB with a generated header by CMake and ninja, through the swarm in `out` and
 * the same inline in `local`, clean and after edits, and compares what was made and what ninja remembers. Prints one
 * JSON object at its end.
 *
 * Usage: ninja-build TREE CHECKOUT CLEAN EDITS SEED TARGET…
 */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { seeded } from './seeded.ts';

const [, , tree = '', checkout = '', cleanText = '', editsText = '', seedText = '', ...targets] =
  process.argv;
const swarmrun = join(checkout, 'bin/swarmrun');
const random = seeded(Number(seedText));
const leveldb = 'leveldb/leveldb-1.20';
const parallel = 6;

/** What the project's own CMakeLists.txt lacks: a generated header, a directory searched first, a small program. */
const addition = `
set(info \${CMAKE_BINARY_DIR}/generated/build_info.h)
add_custom_command(OUTPUT \${info} DEPENDS build_info.txt
  COMMAND sh -c "mkdir -p generated && sed 's/.*/static int build_info __attribute__((used)) = &;/' $1 >$2"
    generate \${CMAKE_SOURCE_DIR}/build_info.txt \${info} VERBATIM)
add_custom_target(generated DEPENDS \${info})
file(GLOB part ${leveldb}/util/*.cc ${leveldb}/port/*.cc)
list(FILTER part INCLUDE REGEX "/(arena|bloom|cache|coding|env|env_posix|filter_policy|hash|logging|port_posix|status)\\\\.cc$")
file(WRITE \${CMAKE_BINARY_DIR}/main.cc "#include \\"build_info.h\\"\\nint main() { return build_info == -1; }\\n")
add_executable(part \${CMAKE_BINARY_DIR}/main.cc \${part})
target_link_libraries(part pthread)
foreach(target part leveldb harness more)
  add_dependencies(\${target} generated)
endforeach()
include_directories(BEFORE override \${CMAKE_BINARY_DIR}/generated)
`;

const result = { clean: 0, edits: 0, rebuilt: 0, objects: 0, seconds: 0, trouble: [] as string[] };
const at = (name: string): string => join(tree, name);
let version = 0;

interface Done {
  readonly ok: boolean;
  readonly text: string;
}

async function run(args: readonly [string, ...string[]], inline: boolean): Promise<Done> {
  const env = inline ? { ...process.env, FORCE_INLINE: '1' } : process.env;
  const [program, ...rest] = args;
  try {
    const { stdout, stderr } = await promisify(execFile)(program, rest, { cwd: tree, env, maxBuffer: 1e8 });
    return { ok: true, text: `${stdout}${stderr}` };
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    return { ok: false, text: `${String(error)}\n${stdout ?? ''}${stderr ?? ''}` };
  }
}

function pick<Item>(items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('internal: picked from nothing');
  return item;
}

async function prepare(): Promise<void> {
  const fetched = await run([join(checkout, 'scripts/demo-project/fetch'), tree], true);
  if (!fetched.ok) throw new Error(fetched.text);
  fs.appendFileSync(at('CMakeLists.txt'), addition);
  fs.writeFileSync(at('build_info.txt'), '1\n');
  fs.mkdirSync(at('override/util'), { recursive: true });
  for (const name of ['coding', 'status', 'hash', 'cache']) {
    const source = at(`${leveldb}/util/${name}.cc`);
    fs.writeFileSync(source, `#include "build_info.h"\n${fs.readFileSync(source, 'latin1')}`);
  }
}

async function configure(folder: string, inline: boolean): Promise<void> {
  fs.rmSync(at(folder), { recursive: true, force: true });
  const launchers = ['COMPILER', 'LINKER'].map((kind) => `-DCMAKE_CXX_${kind}_LAUNCHER=${swarmrun}`);
  const done = await run(
    ['cmake', '-G', 'Ninja', '-S', '.', '-B', folder, '-DCMAKE_CXX_FLAGS=-O0', ...launchers],
    inline,
  );
  if (!done.ok) result.trouble.push(`cmake for ${folder}: ${done.text.slice(-2_000)}`);
}

/** Everything that was compiled or linked below a folder. */
function made(folder: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const entry of fs.readdirSync(at(folder), { recursive: true, withFileTypes: true })) {
    const isProgram = entry.parentPath === at(folder) && /^[a-z]+(_test|\.a)?$/.test(entry.name);
    if (!entry.isFile() || !(isProgram || /\.(o|a)$/.test(entry.name)) || entry.name.startsWith('.'))
      continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(at(folder).length + 1), fs.readFileSync(path));
  }
  return files;
}

/** What ninja remembers of dependencies, in one order, without times. */
async function dependencies(folder: string): Promise<string[]> {
  const { text } = await run(['ninja', '-C', folder, '-t', 'deps'], true);
  return text
    .replaceAll(at(folder), 'BUILD')
    .replace(/deps mtime \d+/g, '')
    .split('\n\n')
    .toSorted();
}

function ninja(folder: 'out' | 'local'): Promise<Done> {
  const atOnce = String(folder === 'out' ? parallel : 2);
  return run(['ninja', '-C', folder, '-j', atOnce, ...targets], folder === 'local');
}

/**
 * Builds in `out` by the swarm and in `local` inline.
 *
 * @param first - which of them first; the other machines' caches are at most 30 s behind, so that long must not lie
 *   between what they have looked at and the swarm's build.
 */
async function build(what: string, first: 'out' | 'local'): Promise<void> {
  let local: Done | undefined;
  if (first === 'local') local = await ninja('local');
  const start = performance.now();
  const swarm = await ninja('out');
  result.seconds += (performance.now() - start) / 1_000;
  result.rebuilt += [...swarm.text.matchAll(/Building CXX/g)].length;
  local ??= await ninja('local');
  if (!swarm.ok || !local.ok) {
    const text = swarm.ok ? local.text : swarm.text;
    result.trouble.push(`${what}: ${swarm.ok ? 'inline' : 'on the swarm'}: ${text.slice(-3_000)}`);
    return;
  }
  const again = await run(['ninja', '-C', 'out', '-n', '-d', 'explain', ...targets], false);
  if (!again.text.includes('no work to do'))
    result.trouble.push(`${what}: dirty: ${again.text.slice(0, 2_000)}`);
  const [mine, theirs] = [made('out'), made('local')];
  result.objects = mine.size;
  for (const name of new Set([...mine.keys(), ...theirs.keys()]))
    if (mine.get(name)?.equals(theirs.get(name) ?? Buffer.alloc(0)) !== true)
      result.trouble.push(`${what}: ${name} is another than inline`);
  const [known, expected] = [await dependencies('out'), await dependencies('local')];
  const differing = [
    ...known.filter((one) => !expected.includes(one)),
    ...expected.filter((one) => !known.includes(one)),
  ];
  for (const entry of differing.slice(0, 2)) {
    const others = new Set((known.includes(entry) ? expected : known).flatMap((one) => one.split('\n')));
    const lines = entry.split('\n').filter((line) => !others.has(line));
    result.trouble.push(
      `${what}: ninja -t deps ${known.includes(entry) ? 'has' : 'lacks'} ${entry.slice(0, 100)}: ${lines.join(' ')}`,
    );
  }
}

/** As an editor does: in place, or by a new file renamed over the old. */
function write(path: string, text: string): void {
  if (random() < 0.5) {
    fs.writeFileSync(path, text, 'latin1');
  } else {
    fs.writeFileSync(`${path}.new`, text, 'latin1');
    fs.renameSync(`${path}.new`, path);
  }
}

/** Text that yields other objects wherever it is read. */
function mark(text: string): string {
  version += 1;
  return `${text}\nnamespace { int __attribute__((used)) edit_${version} = ${version}; }\n`;
}

/** The first edits; then by chance. */
const firstEdits = ['shadow', 'input', 'header', 'unshadow'] as const;
const edits = [...firstEdits, 'shadow', 'input', 'header', 'touch', 'source', 'object', 'cmake'] as const;

/** One edit. @returns what it was. */
function edit(count: number): string {
  const sources = ['arena', 'bloom', 'coding', 'hash', 'cache', 'env_posix', 'logging'];
  const source = at(`${leveldb}/util/${pick(sources)}.cc`);
  const included = fs.readFileSync(source, 'latin1').matchAll(/#include "util\/(\w+)\.h"/g);
  const header = pick([...included].map(([, name]) => name));
  const shadow = at(`override/util/${header}.h`);
  const original = at(`${leveldb}/util/${header}.h`);
  // Never two marks in one file: what was read must tell the versions apart, not grow.
  const marked = (path: string): string =>
    mark(
      fs.readFileSync(path, 'latin1').replace(/\nnamespace \{ int __attribute__\(\(used\)\) edit_.*\n/g, ''),
    );
  const kind = firstEdits[count] ?? pick(edits);
  switch (kind) {
    case 'touch':
      fs.utimesSync(source, new Date(), new Date());
      return `touch ${source}`;
    case 'source':
      write(source, marked(source));
      return `edit ${source}`;
    case 'header':
      write(original, guarded(marked(original)));
      return `edit ${original}`;
    case 'input':
      write(at('build_info.txt'), `${(version += 1)}\n`);
      return 'edit build_info.txt';
    case 'shadow':
      write(shadow, guarded(marked(original)));
      // Ninja cannot know that a source would find this one now; the edited ones do, the others do not.
      write(source, marked(source));
      return `put ${shadow} before ${original}, edit ${source}`;
    case 'unshadow': {
      const shadows = fs.readdirSync(at('override/util'));
      if (shadows.length > 0) fs.rmSync(at(`override/util/${pick(shadows)}`));
      write(source, marked(source));
      return `of ${shadows.join(' ')} remove one, edit ${source}`;
    }
    case 'object': {
      const name = `CMakeFiles/part.dir/${leveldb}/util/coding.cc.o`;
      for (const folder of ['out', 'local']) fs.rmSync(at(`${folder}/${name}`), { force: true });
      return `remove ${name}`;
    }
    default:
      fs.appendFileSync(at('CMakeLists.txt'), '\n');
      return 'edit CMakeLists.txt';
  }
}

/** Included twice, a header must not define its mark twice. */
function guarded(text: string): string {
  return text.startsWith('#pragma once') ? text : `#pragma once\n${text}`;
}

// Progress, for whoever waits.
const begunMs = performance.now();
const tell = (): void =>
  console.error(
    `${Math.round((performance.now() - begunMs) / 1_000)} s: ${JSON.stringify(result).slice(0, 1_000)}`,
  );
await prepare();
await configure('local', true);
for (; result.clean < Number(cleanText); result.clean += 1) {
  await configure('out', false);
  await build(`clean build ${result.clean + 1}`, 'local');
  tell();
}
for (; result.edits < Number(editsText) && result.trouble.length < 10; result.edits += 1) {
  await build(`edit ${result.edits + 1} (${edit(result.edits)})`, 'out');
  tell();
}
process.stdout.write(`${JSON.stringify(result)}\n`);
