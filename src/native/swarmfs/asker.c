#define _GNU_SOURCE
#include "asker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../tree/wire.h"

enum { MOST_ANCESTORS = 4096, STATUS_BYTES = 8192, WORDS_BYTES = 16384 };

static const char option[] = "--scratch=";

/* A file of a process; its length, or -1. */
static ssize_t read_of(pid_t pid, const char *name, char *to, size_t room) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t got = read(fd, to, room - 1);
  close(fd);
  if (got >= 0) to[got] = '\0';
  return got;
}

/* What stands behind a key of a status file, or NULL. */
static const char *value_of(const char *status, const char *key) {
  const char *found = strstr(status, key);
  return found ? found + strlen(key) : NULL;
}

/* In how many namespaces it has a number, counted from ours on; 0 if that is not told. */
static int depth_of(const char *status) {
  const char *at = value_of(status, "\nNSpid:");
  int depth = 0;
  while (at && *at == '\t') {
    depth++;
    at += 1 + strspn(at + 1, "0123456789");
  }
  return depth;
}

/* Numbers in requests are of our namespace; those in /proc are so too, unless another one's is mounted. */
static int own_depth(void) {
  static int depth = -1;
  char number[32], status[STATUS_BYTES];
  if (depth >= 0) return depth;
  depth = 0;
  ssize_t length = readlink("/proc/self", number, sizeof number - 1);
  if (length <= 0) return 0;
  number[length] = '\0';
  if (atoi(number) == getpid() && read_of(getpid(), "status", status, sizeof status) > 0)
    depth = depth_of(status);
  return depth;
}

/* The name in `--scratch=SCRATCH/NAME` of a swarmjob. */
static void name_of(pid_t swarmjob, const char *scratch, char name[NAME_MAX + 1]) {
  char words[WORDS_BYTES];
  ssize_t length = read_of(swarmjob, "cmdline", words, sizeof words);
  for (ssize_t at = 0; at < length; at += (ssize_t)strlen(words + at) + 1) {
    const char *word = words + at;
    if (strcmp(word, "--") == 0) return;
    if (strncmp(word, option, strlen(option)) != 0) continue;
    const char *path = word + strlen(option), *last = strrchr(path, '/');
    if (last && is_within(path, scratch) && strlen(last + 1) <= NAME_MAX) strcpy(name, last + 1);
    return;
  }
}

void find_job(pid_t asker, const char *scratch, char name[NAME_MAX + 1]) {
  char status[STATUS_BYTES];
  name[0] = '\0';
  if (own_depth() == 0 || !*scratch) return;
  for (int i = 0; asker > 0 && i < MOST_ANCESTORS; i++) {
    if (read_of(asker, "status", status, sizeof status) <= 0) return;
    /* All that a job starts is in a namespace below ours: the first ancestor outside is its swarmjob. */
    if (depth_of(status) == own_depth()) return name_of(asker, scratch, name);
    const char *parent = value_of(status, "\nPPid:");
    asker = parent ? atoi(parent) : 0;
  }
}

/* A mask of signals behind a key of a status file. */
static uint64_t signals_of(const char *status, const char *key) {
  const char *value = value_of(status, key);
  return value ? strtoull(value, NULL, 16) : 0;
}

/*
 * All of a process are sent KILL by what kills it, unless another signal waits for the thread: then the deadly one waits
 * with it, and is taken with it before the thread is told anything.
 */
int is_being_killed(pid_t thread) {
#define OF(signal) (UINT64_C(1) << ((signal)-1))
  static const uint64_t harmless = OF(SIGCHLD) | OF(SIGCONT) | OF(SIGURG) | OF(SIGWINCH) | OF(SIGSTOP) |
                                   OF(SIGTSTP) | OF(SIGTTIN) | OF(SIGTTOU);
  char status[STATUS_BYTES];
  if (own_depth() == 0 || read_of(thread, "status", status, sizeof status) <= 0) return 1;
  uint64_t pending = signals_of(status, "\nSigPnd:") | signals_of(status, "\nShdPnd:");
  uint64_t taken =
      signals_of(status, "\nSigCgt:") | signals_of(status, "\nSigIgn:") | signals_of(status, "\nSigBlk:");
  return (pending & ~taken & ~harmless) != 0;
#undef OF
}
