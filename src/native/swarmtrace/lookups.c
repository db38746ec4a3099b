/* The functions of the C library that look a name up or read what it names. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "record.h"

static int is_there(int directory, const char *path) {
  NEXT(faccessat);
  int kept = errno;
  int result = next(directory, path, F_OK, 0) == 0;
  errno = kept;
  return result;
}

/* Of a call that has yet to be made. */
static enum deed deed_of(int flags, int directory, const char *path) {
  if ((flags & O_TMPFILE) == O_TMPFILE) return CHANGED;
  if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC)))
    return flags & O_DIRECTORY ? LISTED : READ;
  if (flags & O_TRUNC || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) return MADE;
  return flags & O_CREAT && !is_there(directory, path) ? MADE : UPDATED;
}

#define TAKE_MODE                                                                                            \
  mode_t mode = 0;                                                                                           \
  if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {                                                 \
    va_list rest;                                                                                            \
    va_start(rest, flags);                                                                                   \
    mode = va_arg(rest, mode_t);                                                                             \
    va_end(rest);                                                                                            \
  }

#define OPEN(name)                                                                                           \
  int name(const char *path, int flags, ...) {                                                               \
    TAKE_MODE NEXT(name);                                                                                    \
    enum deed deed = deed_of(flags, AT_FDCWD, path);                                                         \
    int result = next(path, flags, mode);                                                                    \
    record_open(deed, result, AT_FDCWD, path);                                                               \
    return result;                                                                                           \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                         \
  int name(int directory, const char *path, int flags, ...) {                                                \
    TAKE_MODE NEXT(name);                                                                                    \
    enum deed deed = deed_of(flags, directory, path);                                                        \
    int result = next(directory, path, flags, mode);                                                         \
    record_open(deed, result, directory, path);                                                              \
    return result;                                                                                           \
  }
OPENAT(openat)
OPENAT(openat64)

/* What the headers make of open and openat without a mode where _FORTIFY_SOURCE is set. */
#define OPEN_2(name)                                                                                         \
  int name(const char *path, int flags);                                                                     \
  int name(const char *path, int flags) {                                                                    \
    NEXT(name);                                                                                              \
    enum deed deed = deed_of(flags, AT_FDCWD, path);                                                         \
    int result = next(path, flags);                                                                          \
    record_open(deed, result, AT_FDCWD, path);                                                               \
    return result;                                                                                           \
  }
OPEN_2(__open_2)
OPEN_2(__open64_2)

#define OPENAT_2(name)                                                                                       \
  int name(int directory, const char *path, int flags);                                                      \
  int name(int directory, const char *path, int flags) {                                                     \
    NEXT(name);                                                                                              \
    enum deed deed = deed_of(flags, directory, path);                                                        \
    int result = next(directory, path, flags);                                                               \
    record_open(deed, result, directory, path);                                                              \
    return result;                                                                                           \
  }
OPENAT_2(__openat_2)
OPENAT_2(__openat64_2)

static enum deed deed_of_mode(const char *mode, const char *path) {
  if (mode[0] == 'w' || (mode[0] == 'a' && !is_there(AT_FDCWD, path))) return MADE;
  return mode[0] == 'r' && !strchr(mode, '+') ? READ : UPDATED;
}

#define FOPEN(name)                                                                                          \
  FILE *name(const char *path, const char *mode) {                                                           \
    NEXT(name);                                                                                              \
    enum deed deed = deed_of_mode(mode, path);                                                               \
    FILE *result = next(path, mode);                                                                         \
    record_open(deed, result ? fileno(result) : -1, AT_FDCWD, path);                                         \
    return result;                                                                                           \
  }
FOPEN(fopen)
FOPEN(fopen64)

#define FREOPEN(name)                                                                                        \
  FILE *name(const char *path, const char *mode, FILE *file) {                                               \
    NEXT(name);                                                                                              \
    enum deed deed = deed_of_mode(mode, path);                                                               \
    FILE *result = next(path, mode, file);                                                                   \
    record_open(deed, result ? fileno(result) : -1, AT_FDCWD, path);                                         \
    return result;                                                                                           \
  }
FREOPEN(freopen)
FREOPEN(freopen64)

DIR *opendir(const char *path) {
  NEXT(opendir);
  DIR *result = next(path);
  record(LISTED, ERROR_IF(!result), path);
  return result;
}

int scandir(const char *path, struct dirent ***list, int (*filter)(const struct dirent *),
            int (*compare)(const struct dirent **, const struct dirent **)) {
  NEXT(scandir);
  int result = next(path, list, filter, compare);
  record(LISTED, ERROR_IF(result < 0), path);
  return result;
}

/* ---- Looking without reading ---- */

#define STAT(name, type, deed)                                                                               \
  int name(const char *path, struct type *stats) {                                                           \
    NEXT(name);                                                                                              \
    int result = next(path, stats);                                                                          \
    record(deed, ERROR_IF(result != 0), path);                                                               \
    return result;                                                                                           \
  }
STAT(stat, stat, FOLLOWED)
STAT(stat64, stat64, FOLLOWED)
STAT(lstat, stat, LOOKED)
STAT(lstat64, stat64, LOOKED)
STAT(statfs, statfs, FOLLOWED)
STAT(statfs64, statfs64, FOLLOWED)

static enum deed deed_at(int flags) { return flags & AT_SYMLINK_NOFOLLOW ? LOOKED : FOLLOWED; }

#define FSTATAT(name, type)                                                                                  \
  int name(int directory, const char *path, struct type *stats, int flags) {                                 \
    NEXT(name);                                                                                              \
    int result = next(directory, path, stats, flags);                                                        \
    record_at(deed_at(flags), ERROR_IF(result != 0), directory, path);                                       \
    return result;                                                                                           \
  }
FSTATAT(fstatat, stat)
FSTATAT(fstatat64, stat64)

int statx(int directory, const char *restrict path, int flags, unsigned mask, struct statx *restrict stats) {
  NEXT(statx);
  int result = next(directory, path, flags, mask, stats);
  record_at(deed_at(flags), ERROR_IF(result != 0), directory, path);
  return result;
}

/* The same functions as programs know them that were linked with glibc before 2.33. */
#define XSTAT(name, type, deed)                                                                              \
  int name(int version, const char *path, struct type *stats);                                               \
  int name(int version, const char *path, struct type *stats) {                                              \
    NEXT(name);                                                                                              \
    int result = next(version, path, stats);                                                                 \
    record(deed, ERROR_IF(result != 0), path);                                                               \
    return result;                                                                                           \
  }
XSTAT(__xstat, stat, FOLLOWED)
XSTAT(__xstat64, stat64, FOLLOWED)
XSTAT(__lxstat, stat, LOOKED)
XSTAT(__lxstat64, stat64, LOOKED)

#define FXSTATAT(name, type)                                                                                 \
  int name(int version, int directory, const char *path, struct type *stats, int flags);                     \
  int name(int version, int directory, const char *path, struct type *stats, int flags) {                    \
    NEXT(name);                                                                                              \
    int result = next(version, directory, path, stats, flags);                                               \
    record_at(deed_at(flags), ERROR_IF(result != 0), directory, path);                                       \
    return result;                                                                                           \
  }
FXSTATAT(__fxstatat, stat)
FXSTATAT(__fxstatat64, stat64)

#define ACCESS(name)                                                                                         \
  int name(const char *path, int mode) {                                                                     \
    NEXT(name);                                                                                              \
    int result = next(path, mode);                                                                           \
    record(FOLLOWED, ERROR_IF(result != 0), path);                                                           \
    return result;                                                                                           \
  }
ACCESS(access)
ACCESS(eaccess)
ACCESS(euidaccess)

int faccessat(int directory, const char *path, int mode, int flags) {
  NEXT(faccessat);
  int result = next(directory, path, mode, flags);
  record_at(deed_at(flags), ERROR_IF(result != 0), directory, path);
  return result;
}

/* ---- Links ---- */

ssize_t readlink(const char *restrict path, char *restrict target, size_t size) {
  NEXT(readlink);
  ssize_t result = next(path, target, size);
  record(LOOKED, ERROR_IF(result < 0), path);
  return result;
}

ssize_t readlinkat(int directory, const char *restrict path, char *restrict target, size_t size) {
  NEXT(readlinkat);
  ssize_t result = next(directory, path, target, size);
  record_at(LOOKED, ERROR_IF(result < 0), directory, path);
  return result;
}

#define RESOLVE(name)                                                                                        \
  char *name(const char *restrict path, char *restrict resolved) {                                           \
    NEXT(name);                                                                                              \
    char *result = next(path, resolved);                                                                     \
    record(RESOLVED, ERROR_IF(!result), path);                                                               \
    return result;                                                                                           \
  }
RESOLVE(realpath)

char *canonicalize_file_name(const char *path) {
  NEXT(canonicalize_file_name);
  char *result = next(path);
  record(RESOLVED, ERROR_IF(!result), path);
  return result;
}

char *__realpath_chk(const char *path, char *resolved, size_t size);
char *__realpath_chk(const char *path, char *resolved, size_t size) {
  NEXT(__realpath_chk);
  char *result = next(path, resolved, size);
  record(RESOLVED, ERROR_IF(!result), path);
  return result;
}

ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room);
ssize_t __readlink_chk(const char *path, char *target, size_t size, size_t room) {
  NEXT(__readlink_chk);
  ssize_t result = next(path, target, size, room);
  record(LOOKED, ERROR_IF(result < 0), path);
  return result;
}
