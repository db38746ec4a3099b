/* The first process inside: goes to its place, starts the command, and takes everything with it when it ends. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../program.h"
#include "job.h"

enum { TERM_TO_KILL_MS = 250 };

extern char **environ;

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void finish(const struct outcome *outcome, int report) {
  if (write(report, outcome, sizeof *outcome) != (ssize_t)sizeof *outcome) _exit(126);
  _exit(0);
}

static void be_command(const struct job *job, int report) {
  struct outcome outcome = {.stage = "exec"};
  setsid();
  sigaction(SIGCHLD, &job->child_action, NULL);
  sigprocmask(SIG_SETMASK, &job->mask, NULL);
  outcome.error = exec_program(job->command, environ, NULL);
  if (write(report, &outcome, sizeof outcome) < 0) _exit(126);
  _exit(127);
}

/*
 * Signals that we get are the command's, or its whole group's if that is said with them (see swarmexec). What came while its
 * place was made is here before it has a group, and then it is alone: it dies of it, or not, as soon as it takes signals.
 */
static void pass_on(pid_t command, const struct signalfd_siginfo *info) {
  int number = info->ssi_signo == SIGTSTP ? SIGSTOP : (int)info->ssi_signo;
  if (!info->ssi_int || kill(-command, number) != 0) kill(command, number);
}

/* Takes in who ended; 1 if nobody is left. Counts none but the command. */
static int reap(pid_t command, struct outcome *outcome, int *ended) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != command) continue;
    *ended = 1;
    outcome->status = status;
  }
  return pid < 0 && errno == ECHILD;
}

static int count_processes(void) {
  int count = 0;
  /* The last numbers are given to the newest, so they are not simply counted up. */
  FILE *children = fopen("/proc/self/task/1/children", "re");
  for (int pid; children && fscanf(children, "%d", &pid) == 1;) count++;
  if (children) fclose(children);
  return count;
}

/* Memory that processes share by a name is ours alone, and goes with us. */
static int count_shared_memory(void) {
  int count = 0;
  DIR *names = opendir("/dev/shm");
  for (struct dirent *entry; names && (entry = readdir(names));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) count++;
  if (names) closedir(names);
  return count;
}

/* The command has ended: what it left gets a moment to end itself, and then ends with us. */
static void end_rest(pid_t command, int signals, struct outcome *outcome) {
  outcome->left = count_processes();
  kill(-1, SIGTERM);
  kill(-1, SIGCONT);
  int ended;
  long long until = now_ms() + TERM_TO_KILL_MS;
  for (long long left; !reap(command, outcome, &ended) && (left = until - now_ms()) > 0;) {
    struct pollfd wait = {.fd = signals, .events = POLLIN};
    struct signalfd_siginfo info;
    if (poll(&wait, 1, (int)left) > 0 && read(signals, &info, sizeof info) < 0) break;
  }
}

static void watch(pid_t command, int signals, struct outcome *outcome) {
  for (int ended = 0;;) {
    int none = reap(command, outcome, &ended);
    if (ended) {
      if (!none) end_rest(command, signals, outcome);
      return;
    }
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) != (ssize_t)sizeof info) continue;
    if (info.ssi_signo != SIGCHLD) pass_on(command, &info);
  }
}

static int go_to_place(const struct job *job, const struct place *place, const char **stage) {
  if ((place ? enter_place(place, stage) : build_place(job, 0, stage)) != 0) return -1;
  *stage = "chdir";
  return chdir(job->cwd);
}

void run_inside(const struct job *job, const struct place *place, int report) {
  struct outcome outcome = {0};
  const char *stage;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* and with us goes everything inside */
  prctl(PR_SET_NAME, "swarmjob-init");
  if (go_to_place(job, place, &stage) != 0) {
    outcome.error = errno;
    snprintf(outcome.stage, sizeof outcome.stage, "%s", stage);
    finish(&outcome, report);
  }
  sigset_t passed;
  sigemptyset(&passed);
  static const int numbers[] = {SIGCHLD, SIGINT,  SIGTERM, SIGHUP, SIGQUIT,
                                SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) sigaddset(&passed, numbers[i]);
  int signals = signalfd(-1, &passed, SFD_CLOEXEC);
  pid_t command = signals < 0 ? -1 : fork();
  if (command < 0) {
    outcome.error = errno;
    strcpy(outcome.stage, "fork");
    finish(&outcome, report);
  }
  if (command == 0) be_command(job, report);
  for (int fd = 0; fd < 3; fd++) close(fd); /* the command's output ends when the command does */
  watch(command, signals, &outcome);
  outcome.left += count_shared_memory();
  finish(&outcome, report);
  abort();
}
