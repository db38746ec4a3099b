/* swarmjob: one command in the submitter's tree. What it was told to do, and what its processes share. */
#ifndef BUILDSWARM_SWARMJOB_JOB_H
#define BUILDSWARM_SWARMJOB_JOB_H

#include <signal.h>
#include <sys/types.h>

enum { MOST_AREAS = 16 };

struct job {
  pid_t tree_pid;                /* of swarmfs, whose namespaces are entered */
  unsigned long mount_namespace; /* its inode, so that no other process of that number is taken for it */
  const char *tree;              /* where the tree is mounted in there */
  const char *scratch;           /* a directory of this job alone */
  const char *cwd, *host_name;
  const char *areas[MOST_AREAS]; /* real paths in the tree that may be written below */
  int area_count;
  char **command;
  sigset_t mask;                 /* of signals, as we were given it: the command's */
  struct sigaction child_action; /* what is done at the end of a child, the same */
};

/* How a command that was to run came to nothing, or how it ended; from the first process inside to us. */
struct outcome {
  char stage[16]; /* empty: it ran */
  int error;      /* errno of the stage */
  int status;     /* as wait gives it */
  int left;       /* processes that outlived it and were ended, and names in /dev/shm */
};

/* The first process of the namespaces: makes the place, runs the command, and ends with it. Never returns. */
void run_inside(const struct job *job, int report) __attribute__((noreturn));

/* Builds what the command sees, and makes it the root. 0, or -1 with errno; *stage names the step. */
int build_place(const struct job *job, const char **stage);

/* Writes what the command left in its scratch as a list to `scratch`/report. 0, or -1 with errno. */
int write_report(const struct job *job, const struct outcome *outcome);

#endif
