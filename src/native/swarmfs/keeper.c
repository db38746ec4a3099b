#define _GNU_SOURCE
#include "keeper.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "../tree/remove.h"

enum { SWEEP_TRIES = 20, SWEEP_AGAIN_MS = 100 };

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
