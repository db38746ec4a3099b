/*
 * launch ARGV-FILE ENV-FILE PROGRAM [close=FD | ignore=SIGNAL | block=SIGNAL]...: executes PROGRAM with exactly the bytes of two
 * files (strings, each ended by a NUL), which neither Node nor a shell can do.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **read_list(const char *path) {
  FILE *file = fopen(path, "re");
  char *text = malloc(16 << 20);
  size_t length = fread(text, 1, 16 << 20, file), count = 0;
  fclose(file);
  for (size_t i = 0; i < length; i++) count += text[i] == 0;
  char **list = calloc(count + 1, sizeof *list);
  for (size_t i = 0; i < count; i++, text += strlen(text) + 1) list[i] = text;
  return list;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  char **new_argv = read_list(argv[1]), **new_env = read_list(argv[2]);
  sigset_t blocked;
  sigemptyset(&blocked);
  for (int i = 4; i < argc; i++) {
    int number = atoi(strchr(argv[i], '=') + 1);
    if (argv[i][0] == 'c') close(number);
    if (argv[i][0] == 'i') signal(number, SIG_IGN);
    if (argv[i][0] == 'b') sigaddset(&blocked, number);
  }
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  execve(argv[3], new_argv, new_env);
  return 125;
}
