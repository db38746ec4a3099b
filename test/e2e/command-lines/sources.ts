/** The files that every command line of the tables finds around it, by path. */
export const sources: Readonly<Record<string, string>> = {
  'a.c': '#include "inc/h.h"\n#include <stddef.h>\nint a(int n) { return n + ONE; }\n',
  'b.c': 'int b(int n) { return n * 2; }\n',
  'm.cc':
    'struct Point { int x, y; };\ntemplate <class T> T sum(T a, T b) { return a + b; }\nint f(Point p) { return sum(p.x, p.y); }\n',
  'main.c':
    'int a(int);\nint b(int);\nint puts(const char *);\nint main(int argc, char **argv) { puts(argv[0]); return a(b(argc)); }\n',
  'alone.c': 'int main(void) { return 3; }\n',
  'hello.cc': '#include <cstdio>\nint main() { std::puts("hello"); }\n',
  'warn.c': 'static int unused(void) { int x; return x; }\nint w(unsigned n) { if (n < 0) return 1; }\n',
  'error.c': 'int e(void) { return undeclared; }\nint e(int);\n',
  'lost.c': '#include "no-such-header.h"\n',
  'guarded.c': '#if __has_include("no-such-header.h")\n#error it is there\n#endif\nint g;\n',
  'generated.c': '#include "generated.h"\nint x = GENERATED;\n',
  'where.c':
    'const char *file = __FILE__;\nint line = __LINE__;\n#ifdef NAME\nconst char *name = NAME;\n#endif\n',
  'asm.s': '.globl symbol\n.data\nsymbol: .long 42\n',
  'asm.S': '#include "inc/h.h"\n.globl symbol\n.data\nsymbol: .long ONE\n',
  'sub/c.c': '#include "../inc/h.h"\n#include "d.h"\nint c = ONE + D;\n',
  'sub/d.h': '#define D 4\n',
  'inc/h.h': '#ifndef H\n#define H\n#define ONE 1\n#endif\n',
  'inc/deep/er.h': '#include "../h.h"\n',
  'first/same.h': '#define SAME 1\n',
  'second/same.h': '#define SAME 2\n',
  'same.c': '#include <same.h>\nint same = SAME;\n',
  'next.c': '#include_next <limits.h>\nint most = INT_MAX;\n',
  'options.rsp': '-O2 -g\n-DNAME="\\"a b\\"" \'-DOTHER=c d\'\n',
  'nested.rsp': '@options.rsp -Wall\n',
  'objects.rsp': 'main.o a.o b.o\n',
  'plain.txt': 'one\ntwo\nthree\n',
};
