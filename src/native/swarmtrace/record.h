/* What swarmtrace writes down: one record for each file name that a program looks up. */
#ifndef SWARMTRACE_RECORD_H
#define SWARMTRACE_RECORD_H
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>

/* What was done with the name; src/core/view/trace.ts reads these letters. */
enum deed {
  READ = 'r',     /* opened for reading, or loaded */
  SEEN = 'R',     /* the same of a file, with what it was when it was opened */
  FOLLOWED = 's', /* looked at, links followed: stat, access */
  LOOKED = 'l',   /* looked at, a link at its end not followed: lstat, readlink */
  RESOLVED = 'p', /* asked where it really is */
  LISTED = 'd',   /* opened as a directory */
  MADE = 'w',     /* created, or opened with nothing of its old contents left */
  UPDATED = 'u',  /* opened for writing with its old contents */
  CHANGED = 'm',  /* the name itself: made, renamed, removed, or what it shows was altered */
  EXECUTED = 'x', /* a program that is about to be executed */
  BEGUN = 'h',    /* a program that has begun, by its real path */
  ZONE = 'z',     /* the time zone was asked for */
  UNKNOWN = 'o',  /* something that cannot be told as a name; the path says what */
};

/* Writes a record; `error` is 0 for what succeeded, else an errno. Keeps errno. */
void record(enum deed deed, int error, const char *path);
/* The same of a path that is relative to an open directory. */
void record_at(enum deed deed, int error, int directory, const char *path);
/* The same of what was opened as `descriptor`, or could not be: -1. */
void record_open(enum deed deed, int descriptor, int directory, const char *path);
/* Takes the next place in the trace that a program begins with, once in a process. */
void begin_trace(void);

/* The function that this library stands in front of. */
#define NEXT(name)                                                                                           \
  static __typeof__(&name) next;                                                                             \
  if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define ERROR_IF(failed) ((failed) ? errno : 0)
#endif
