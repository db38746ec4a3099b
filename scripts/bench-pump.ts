/**
 * Mends Debian's package distcc-pump. Its extension in C reads a text and its length (`s#`) as Python before 3.10 handed
 * them over, which Python refuses since; so its include server finds no header, and distcc preprocesses here as without it.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

/** A function of Python's that the extension calls, and the name of as many letters by which it is to call ours instead. */
const called = 'PyArg_ParseTuple';
const mended = 'PyArg_PumpsTuple';

/** The length is an `int` there. */
const source = `#include <stdarg.h>
#include <string.h>
int PyArg_VaParse(void *args, const char *format, va_list values);
int _PyArg_ParseTuple_SizeT(void *args, const char *format, ...);
int ${mended}(void *args, const char *format, ...) {
  va_list values;
  int isRead;
  va_start(values, format);
  if (strcmp(format, "s#") == 0) {
    const char **text = va_arg(values, const char **);
    int *length = va_arg(values, int *);
    long size = 0;
    isRead = _PyArg_ParseTuple_SizeT(args, format, text, &size);
    *length = (int)size;
  } else
    isRead = PyArg_VaParse(args, format, values);
  va_end(values);
  return isRead;
}
`;

/** What an include server is started by. */
interface Pump {
  readonly script: string;
  /** Is to be loaded before Python. */
  readonly library: string;
}

/** @param root - where the package was unpacked; once more does no harm */
export async function mendPump(root: string): Promise<Pump> {
  const server = path.join(root, 'usr/lib/python3/dist-packages/include_server');
  for (const name of await readdir(server)) {
    if (!name.endsWith('.so')) continue;
    const extension = await readFile(path.join(server, name));
    for (let at = extension.indexOf(called); at >= 0; at = extension.indexOf(called, at))
      extension.write(mended, at);
    await writeFile(path.join(server, name), extension);
  }
  const library = path.join(root, 'pump-mended.so');
  await writeFile(`${library}.c`, source);
  await runFile('gcc', ['-shared', '-fPIC', '-O2', '-o', library, `${library}.c`]);
  const script = path.join(root, 'pump-mended');
  const shipped = await readFile(path.join(root, 'usr/bin/distcc-pump'), 'utf8');
  const moved = shipped.replace(
    /^include_server=.*$/m,
    `include_server='${path.join(server, 'include_server.py')}'`,
  );
  await writeFile(script, moved, { mode: 0o755 });
  return { script, library };
}
