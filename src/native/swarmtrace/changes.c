/* The functions of the C library that change what a name names. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utime.h>

#include "record.h"

#define CHANGE(name, parameters, arguments, path)                                                            \
  int name parameters {                                                                                      \
    NEXT(name);                                                                                              \
    int result = next arguments;                                                                             \
    record(CHANGED, ERROR_IF(result != 0), path);                                                            \
    return result;                                                                                           \
  }
CHANGE(unlink, (const char *path), (path), path)
CHANGE(remove, (const char *path), (path), path)
CHANGE(rmdir, (const char *path), (path), path)
CHANGE(mkdir, (const char *path, mode_t mode), (path, mode), path)
CHANGE(mkfifo, (const char *path, mode_t mode), (path, mode), path)
CHANGE(chmod, (const char *path, mode_t mode), (path, mode), path)
CHANGE(truncate, (const char *path, off_t length), (path, length), path)
CHANGE(truncate64, (const char *path, off64_t length), (path, length), path)
CHANGE(symlink, (const char *target, const char *path), (target, path), path)
CHANGE(utime, (const char *path, const struct utimbuf *times), (path, times), path)
CHANGE(utimes, (const char *path, const struct timeval times[2]), (path, times), path)

#define CHANGE_AT(name, parameters, arguments, directory, path)                                              \
  int name parameters {                                                                                      \
    NEXT(name);                                                                                              \
    int result = next arguments;                                                                             \
    record_at(CHANGED, ERROR_IF(result != 0), directory, path);                                              \
    return result;                                                                                           \
  }
CHANGE_AT(unlinkat, (int directory, const char *path, int flags), (directory, path, flags), directory, path)
CHANGE_AT(mkdirat, (int directory, const char *path, mode_t mode), (directory, path, mode), directory, path)
CHANGE_AT(symlinkat, (const char *target, int directory, const char *path), (target, directory, path),
          directory, path)
CHANGE_AT(fchmodat, (int directory, const char *path, mode_t mode, int flags), (directory, path, mode, flags),
          directory, path)
CHANGE_AT(utimensat, (int directory, const char *path, const struct timespec times[2], int flags),
          (directory, path, times, flags), directory, path)

int rename(const char *from, const char *to) {
  NEXT(rename);
  int result = next(from, to);
  record(CHANGED, ERROR_IF(result != 0), from);
  record(CHANGED, ERROR_IF(result != 0), to);
  return result;
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  NEXT(renameat);
  int result = next(from_directory, from, to_directory, to);
  record_at(CHANGED, ERROR_IF(result != 0), from_directory, from);
  record_at(CHANGED, ERROR_IF(result != 0), to_directory, to);
  return result;
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
  NEXT(renameat2);
  int result = next(from_directory, from, to_directory, to, flags);
  record_at(CHANGED, ERROR_IF(result != 0), from_directory, from);
  record_at(CHANGED, ERROR_IF(result != 0), to_directory, to);
  return result;
}

/* A second name gives what the first one names: that is read as much as written. */
int link(const char *from, const char *to) {
  NEXT(link);
  int result = next(from, to);
  record(READ, ERROR_IF(result != 0), from);
  record(CHANGED, ERROR_IF(result != 0), to);
  return result;
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
  NEXT(linkat);
  int result = next(from_directory, from, to_directory, to, flags);
  record_at(READ, ERROR_IF(result != 0), from_directory, from);
  record_at(CHANGED, ERROR_IF(result != 0), to_directory, to);
  return result;
}

#define CREATE(name)                                                                                         \
  int name(const char *path, mode_t mode) {                                                                  \
    NEXT(name);                                                                                              \
    int result = next(path, mode);                                                                           \
    record(MADE, ERROR_IF(result < 0), path);                                                                \
    return result;                                                                                           \
  }
CREATE(creat)
CREATE(creat64)

/* The name is in the template when it is done. */
#define TEMPORARY(name, parameters, arguments)                                                               \
  int name parameters {                                                                                      \
    NEXT(name);                                                                                              \
    int result = next arguments;                                                                             \
    record(MADE, ERROR_IF(result < 0), template);                                                            \
    return result;                                                                                           \
  }
TEMPORARY(mkstemp, (char *template), (template))
TEMPORARY(mkstemp64, (char *template), (template))
TEMPORARY(mkostemp, (char *template, int flags), (template, flags))
TEMPORARY(mkostemp64, (char *template, int flags), (template, flags))
TEMPORARY(mkstemps, (char *template, int suffix), (template, suffix))
TEMPORARY(mkstemps64, (char *template, int suffix), (template, suffix))
TEMPORARY(mkostemps, (char *template, int suffix, int flags), (template, suffix, flags))
TEMPORARY(mkostemps64, (char *template, int suffix, int flags), (template, suffix, flags))

char *mkdtemp(char *template) {
  NEXT(mkdtemp);
  char *result = next(template);
  record(MADE, ERROR_IF(!result), template);
  return result;
}
