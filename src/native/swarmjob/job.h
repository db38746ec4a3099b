/* swarmjob: one command in the submitter's tree. What it was told to do, and what its processes share. */
#ifndef BUILDSWARM_SWARMJOB_JOB_H
#define BUILDSWARM_SWARMJOB_JOB_H

#include <signal.h>
#include <sys/types.h>

enum { MOST_AREAS = 16, PLACE_NAMESPACES = 3 };

/* A place that stands ready: its mount, ipc and uts namespaces. */
struct place {
  int namespaces[PLACE_NAMESPACES];
};

struct job {
  pid_t tree_pid;                /* of swarmfs, whose namespaces are entered */
  unsigned long mount_namespace; /* its inode, so that no other process of that number is taken for it */
  const char *tree;              /* where the tree is mounted in there */
  const char *scratch;           /* a directory of this job alone */
  const char *cwd, *host_name;
  const char *pool;              /* the directory of the places that stand ready; NULL: there are none */
  int idle_ms;                   /* without a job for so long, the pool keeps none */
  const char *areas[MOST_AREAS]; /* real paths in the tree that may be written below */
  int area_count;
  char **command;
  sigset_t mask;                 /* of signals: the command's */
  struct sigaction child_action; /* what is done at the end of a child, the same */
};

/* How a command that was to run came to nothing, or how it ended; from the first process inside to us. */
struct outcome {
  char stage[16]; /* empty: it ran */
  int error;      /* errno of the stage */
  int status;     /* as wait gives it */
  int left;       /* processes that outlived it and were ended, and names in /dev/shm */
};

/*
 * The first process of the job's namespaces: goes to the place, or makes one if that is NULL, runs the command, and ends
 * with it. Never returns.
 */
void run_inside(const struct job *job, const struct place *place, int report) __attribute__((noreturn));

/* A directory in the tree, whatever links lie on the way: none of them may lead out of it. */
int open_inside(int tree, const char *path);

/*
 * Builds what the command sees in namespaces that are ours alone, and makes it the root; ahead of a command without its
 * /proc, which is that of its processes. 0, or -1 with errno; *stage names the step.
 */
int build_place(const struct job *job, int is_ahead, const char **stage);

/* Enters one that was built ahead, and gives it its /proc. 0, or -1 with errno; *stage names the step. */
int enter_place(const struct place *place, const char **stage);

/* Enters the user and mount namespaces of swarmfs; its pidfd, or -1 with errno. */
int enter_tree(const struct job *job);

/* Gets a place from the pool, with its layers as the job's scratch. 1, or 0 if none is ready. */
int claim_place(const struct job *job, struct place *place);

/* Keeps places ready until its stdin ends, see pool.c. Its exit status. */
int keep_places(const struct job *job);

/* Writes what the command left in its scratch as a list to `scratch`/report. 0, or -1 with errno. */
int write_report(const struct job *job, const struct outcome *outcome);

#endif
