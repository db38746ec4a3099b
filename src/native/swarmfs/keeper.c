#define _GNU_SOURCE
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SWEEP_TRIES = 20, SWEEP_AGAIN_MS = 100 };

/* Removes what is in the directory `fd`, which it closes. */
static int remove_below(int fd, int depth) {
  DIR *stream = depth > PATH_MAX / 2 ? NULL : fdopendir(fd);
  if (!stream) {
    close(fd);
    return ELOOP;
  }
  int error = 0;
  for (struct dirent *entry; (entry = readdir(stream));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (unlinkat(fd, entry->d_name, 0) == 0) continue;
    if (errno != EISDIR && errno != EPERM) {
      error = errno;
      continue;
    }
    int below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below < 0 && errno == EACCES && fchmodat(fd, entry->d_name, 0700, 0) == 0)
      below = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below >= 0) {
      fchmod(below, 0700);
      int failed = remove_below(below, depth + 1);
      if (failed) error = failed;
    }
    if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) != 0) error = errno;
  }
  closedir(stream);
  return error;
}

int remove_tree(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  int error = remove_below(fd, 0);
  if (rmdir(path) != 0 && errno != ENOENT) return errno;
  return error;
}

static void keep(const char *point, const char *scratch, pid_t parent) {
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  int number;
  /* Where another thread is left, it counts as our parent still: so only the signal tells. */
  if (getppid() == parent)
    while (sigwait(&end, &number) != 0) continue;
  /* Everything that waits for an answer gets an error now. */
  umount2(point, MNT_FORCE);
  umount2(point, MNT_DETACH);
  if (!*scratch) return;
  /* The peer kills the jobs; until then they may still write. */
  for (int i = 0; i < SWEEP_TRIES && remove_tree(scratch) != 0; i++)
    nanosleep(&(struct timespec){.tv_nsec = SWEEP_AGAIN_MS * 1000000L}, NULL);
}

pid_t keeper_start(const char *point, const char *scratch, const int *close_fds, int close_count) {
  pid_t parent = getpid(), pid = fork();
  if (pid != 0) return pid;
  /* Sent when the thread that forked us ends, even while another of its process is stuck. */
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prctl(PR_SET_NAME, "swarmfs-keeper");
  setsid();
  for (int i = 0; i < close_count; i++) close(close_fds[i]);
  keep(point, scratch, parent);
  _exit(0);
}
