/*
 * swarmjob: runs one command in a submitter's tree (docs/TREE-PROTOCOL.md). The runner starts it in place of the
 * command; it enters the namespaces of swarmfs, makes others for the job alone, and ends as the command did. What the
 * command wrote is then listed in SCRATCH/report. Started by a peer without a command, it keeps places ready for jobs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job.h"

static const char usage[] =
    "Usage: swarmjob --pid=PID --mount-namespace=INODE --tree=DIR --scratch=DIR --cwd=DIR [--host=NAME] "
    "[--blocked=MASK] [--pool=DIR] [--area=DIR]… -- COMMAND…\n"
    "Runs a command in the files of a buildswarm submitter; started by the peer's runner.\n"
    "       swarmjob --pid=PID --mount-namespace=INODE --tree=DIR --scratch=DIR [--host=NAME] --pool=DIR "
    "--idle-ms=MS\n"
    "Keeps places ready in which such commands run; started by the peer.\n"
    "       swarmjob --scratch=DIR --area=DIR…\n"
    "Lists what lies in SCRATCH/0/u, SCRATCH/1/u, … as what was left in the areas.\n";

/* From hexadecimal digits, of which bit n-1 is signal n. */
static void read_mask(const char *digits, sigset_t *mask) {
  unsigned long long bits = strtoull(digits, NULL, 16);
  for (int number = 1; number <= 64; number++)
    if (bits >> (number - 1) & 1) sigaddset(mask, number);
}

/* 0, or -1 if the words are not ours. */
static int read_arguments(struct job *job, char **argv) {
  static const char *const names[] = {
      "--pid=",  "--mount-namespace=", "--tree=", "--scratch=", "--cwd=", "--host=",
      "--pool=", "--idle-ms=",         "--area=", "--blocked="};
  *job = (struct job){.host_name = ""};
  sigemptyset(&job->mask);
  for (; *argv && strcmp(*argv, "--") != 0; argv++) {
    const char *values[sizeof names / sizeof *names] = {0};
    int which = -1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
      if (strncmp(*argv, names[i], strlen(names[i])) == 0) values[which = (int)i] = *argv + strlen(names[i]);
    switch (which) {
      case 0: job->tree_pid = (pid_t)atoi(values[0]); break;
      case 1: job->mount_namespace = strtoul(values[1], NULL, 10); break;
      case 2: job->tree = values[2]; break;
      case 3: job->scratch = values[3]; break;
      case 4: job->cwd = values[4]; break;
      case 5: job->host_name = values[5]; break;
      case 6: job->pool = values[6]; break;
      case 7: job->idle_ms = atoi(values[7]); break;
      case 8:
        if (job->area_count == MOST_AREAS) return -1;
        job->areas[job->area_count++] = values[8];
        break;
      case 9: read_mask(values[9], &job->mask); break;
      default: return -1;
    }
  }
  int is_in_tree = job->tree_pid > 0 && job->tree && job->scratch;
  if (!*argv) return is_in_tree ? (job->pool ? 0 : -1) : job->scratch && !job->pool ? 0 : -1;
  if (!argv[1]) return -1;
  job->command = argv + 1;
  return is_in_tree && job->cwd ? 0 : -1;
}

/* The process inside; like fork, with namespaces of its own for it and all it starts, as far as its place has none. */
static pid_t fork_inside(int has_place) {
  unsigned long flags = CLONE_NEWPID | SIGCHLD | (has_place ? 0 : CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS);
  return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
}

/*
 * Hands on the signals that we get until the process inside has ended; its status. Without swarmfs nothing can be read
 * any more, and a command that goes on all the same would go on for nothing.
 */
static int wait_inside(pid_t inside, int signals, int swarmfs) {
  struct pollfd polls[] = {{.fd = signals, .events = POLLIN}, {.fd = swarmfs, .events = POLLIN}};
  for (;;) {
    int status;
    pid_t ended = waitpid(inside, &status, WNOHANG);
    if (ended == inside) return status;
    if (poll(polls, sizeof polls / sizeof *polls, -1) < 0) continue;
    if (polls[1].revents) {
      kill(inside, SIGKILL);
      polls[1].fd = -1;
    }
    struct signalfd_siginfo info;
    if (!polls[0].revents || read(signals, &info, sizeof info) != (ssize_t)sizeof info) continue;
    if (info.ssi_signo != SIGCHLD)
      sigqueue(inside, (int)info.ssi_signo, (union sigval){.sival_int = info.ssi_int});
  }
}

/*
 * The command has ended and takes no signals any more. Who asks for the end while what it left is listed is heard all
 * the same, as a large output takes seconds to hash: we end by that signal, without a report.
 */
static void heed_ends(const struct job *job) {
  static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  sigset_t heeded;
  sigemptyset(&heeded);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (!sigismember(&job->mask, ends[i])) sigaddset(&heeded, ends[i]);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0});
  sigprocmask(SIG_UNBLOCK, &heeded, NULL);
}

/* Ends as the command ended, so that the runner sees just that. */
static void end_like(const struct outcome *outcome) {
  if (!WIFSIGNALED(outcome->status)) _exit(WEXITSTATUS(outcome->status));
  int number = WTERMSIG(outcome->status);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0});
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, number);
  signal(number, SIG_DFL);
  raise(number);
  sigprocmask(SIG_UNBLOCK, &one, NULL);
  _exit(128 + number);
}

static void fail(const struct job *job, struct outcome *outcome, const char *stage) {
  outcome->error = errno;
  snprintf(outcome->stage, sizeof outcome->stage, "%s", stage);
  write_report(job, outcome);
  _exit(127);
}

/* Streams that are closed are to be found so by the command: what we open must not get their numbers. */
static void hold_streams(void) {
  int fd;
  do fd = open("/dev/null", O_PATH | O_CLOEXEC);
  while (fd >= 0 && fd < 3);
  if (fd > 2) close(fd);
}

int main(int argc, char **argv) {
  struct job job;
  struct outcome outcome = {0};
  struct place place;
  int report[2];
  if (argc < 2 || read_arguments(&job, argv + 1) != 0) {
    dprintf(2, usage);
    return 2;
  }
  if (!job.command) return job.pool ? keep_places(&job) : write_report(&job, &outcome) == 0 ? 0 : 1;
  hold_streams();
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  /* A command may be given SIGCHLD ignored; we would then never learn how it ended. */
  sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &job.child_action);
  int signals = signalfd(-1, &all, SFD_CLOEXEC);
  int swarmfs = enter_tree(&job);
  if (swarmfs < 0) fail(&job, &outcome, "namespace");
  int has_place = claim_place(&job, &place);
  if (!has_place && mkdir(job.scratch, 0700) != 0 && errno != EEXIST) fail(&job, &outcome, "scratch");
  if (signals < 0 || pipe2(report, O_CLOEXEC) != 0) fail(&job, &outcome, "pipe");
  pid_t inside = fork_inside(has_place);
  if (inside < 0) fail(&job, &outcome, "fork");
  if (inside == 0) {
    close(report[0]);
    close(signals);
    run_inside(&job, has_place ? &place : NULL, report[1]);
  }
  close(report[1]);
  for (int i = 0; has_place && i < PLACE_NAMESPACES; i++) close(place.namespaces[i]);
  for (int fd = 0; fd < 3; fd++) close(fd);
  wait_inside(inside, signals, swarmfs);
  heed_ends(&job);
  if (read(report[0], &outcome, sizeof outcome) != (ssize_t)sizeof outcome) {
    /* It was killed from outside, and the command with it. */
    outcome = (struct outcome){.stage = "killed", .status = SIGKILL};
  }
  if (write_report(&job, &outcome) != 0) {
    outcome.error = errno;
    outcome.status = 127 << 8;
  }
  if (outcome.stage[0] && outcome.status == 0) _exit(127);
  end_like(&outcome);
}
