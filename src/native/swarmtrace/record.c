/*
 * swarmtrace.so: a library that a worker preloads into compilers, linkers and their like, and only into those. It
 * writes down each file name that they look up, found or not, so that the submitter can tell whether its own machine
 * would have given the same answers (docs/PROOFS.md).
 *
 * BUILDSWARM_TRACE names a file that all processes of a job map: u64 used bytes, from byte 8 on the directory of the
 * job, and from RECORDS_AT on the records, each a letter, an errno, a path and a NUL, and behind that of a file that was SEEN
 * its fact. Whoever writes takes its place by adding to the used bytes first; what does not fit any more is missing, and the
 * used bytes tell so.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../fact.h"
#include "record.h"

enum { CWD_AT = 8, RECORDS_AT = 4096, REMEMBERED = 2048 };

static unsigned char *trace;
static size_t trace_bytes;
static atomic_int begun;
static atomic_int elsewhere; /* the working directory is not, or may not be, the job's */
/* Records that this process wrote lately need not be written again. Another thread may lose one: that costs nothing. */
static _Atomic uint64_t remembered[REMEMBERED];

static int is_remembered(unsigned char deed, unsigned char error, const char *path) {
  uint64_t hash = UINT64_C(14695981039346656037) ^ deed ^ (uint64_t)error << 8;
  for (const char *at = path; *at; at++) hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
  _Atomic uint64_t *place = &remembered[(hash >> 32) % REMEMBERED];
  if (atomic_load_explicit(place, memory_order_relaxed) == hash) return 1;
  atomic_store_explicit(place, hash, memory_order_relaxed);
  return 0;
}

/* What was done, and how it ended. */
struct act {
  enum deed deed;
  int error;
  int descriptor; /* of what was opened, or -1 */
};

static void write_record(struct act act, const char *path) {
  unsigned char code = act.error < 0 || act.error > 255 ? 255 : (unsigned char)act.error;
  /* Each start counts, and so does each execution. */
  if (act.deed != BEGUN && act.deed != EXECUTED && is_remembered(act.deed, code, path)) return;
  struct stat stats;
  /* What it was when it was opened is what was read of it, and nobody need look for that afterwards. */
  int seen =
      act.deed == READ && act.descriptor >= 0 && fstat(act.descriptor, &stats) == 0 && S_ISREG(stats.st_mode);
  size_t length = strlen(path), bytes = length + 3 + (seen ? FACT_BYTES : 0);
  uint64_t at = atomic_fetch_add((_Atomic uint64_t *)trace, bytes);
  if (at + bytes > trace_bytes) return;
  trace[at] = (unsigned char)(seen ? SEEN : act.deed);
  trace[at + 1] = code;
  memcpy(trace + at + 2, path, length + 1);
  if (seen) put_fact(trace + at + length + 3, &stats);
}

static void write_gap(const char *what) { write_record((struct act){UNKNOWN, 0, -1}, what); }

/* Writes `base/path`. */
static void write_joined(struct act act, const char *base, const char *path) {
  char whole[2 * PATH_MAX];
  int length = snprintf(whole, sizeof whole, "%s/%s", base, path);
  if (length < 0 || (size_t)length >= sizeof whole) write_gap("a path too long");
  else write_record(act, whole);
}

/* Keeps errno. */
static void write_named(struct act act, const char *path) {
  int kept = errno;
  begin_trace();
  if (trace && path) {
    char base[PATH_MAX];
    if (path[0] == '/' || !atomic_load(&elsewhere)) write_record(act, path);
    else if (getcwd(base, sizeof base)) write_joined(act, base, path);
    else write_gap("a working directory without a name");
  }
  errno = kept;
}

/* Keeps errno. */
static void write_at(struct act act, int directory, const char *path) {
  int kept = errno;
  if (path == NULL || path[0] == 0) return; /* of an open file, which was recorded when it was opened */
  if (directory == AT_FDCWD || path[0] == '/') {
    write_named(act, path);
    return;
  }
  begin_trace();
  if (trace) {
    char link[64], base[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    NEXT(readlink);
    ssize_t length = next(link, base, sizeof base - 1);
    if (length <= 0 || base[0] != '/') write_gap("a path below a directory without a name");
    else {
      base[length] = 0;
      write_joined(act, base, path);
    }
  }
  errno = kept;
}

void record(enum deed deed, int error, const char *path) { write_named((struct act){deed, error, -1}, path); }

void record_at(enum deed deed, int error, int directory, const char *path) {
  write_at((struct act){deed, error, -1}, directory, path);
}

void record_open(enum deed deed, int descriptor, int directory, const char *path) {
  write_at((struct act){deed, ERROR_IF(descriptor < 0), descriptor}, directory, path);
}

static int record_library(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size, (void)data;
  if (info->dlpi_name && info->dlpi_name[0] == '/') write_record((struct act){READ, 0, -1}, info->dlpi_name);
  return 0;
}

static void map_trace(const char *path) {
  struct stat stats;
  NEXT(open);
  int file = next(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  if (fstat(file, &stats) == 0 && stats.st_size > RECORDS_AT) {
    void *map = mmap(NULL, (size_t)stats.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map != MAP_FAILED) {
      trace_bytes = (size_t)stats.st_size;
      trace = map;
    }
  }
  close(file);
}

__attribute__((constructor)) void begin_trace(void) {
  if (atomic_exchange(&begun, 1)) return;
  int kept = errno;
  const char *path = getenv("BUILDSWARM_TRACE");
  if (path) map_trace(path);
  if (trace) {
    char text[PATH_MAX];
    if (!getcwd(text, sizeof text) || strcmp(text, (char *)trace + CWD_AT) != 0) atomic_store(&elsewhere, 1);
    NEXT(readlink);
    ssize_t length = next("/proc/self/exe", text, sizeof text - 1);
    text[length > 0 ? length : 0] = 0;
    write_record((struct act){BEGUN, 0, -1}, text);
    dl_iterate_phdr(record_library, NULL);
  }
  errno = kept;
}

/* A process that was made by vfork shares this with its parent: then the parent asks where it is once too often. */
int chdir(const char *path) {
  NEXT(chdir);
  int result = next(path);
  record(FOLLOWED, ERROR_IF(result != 0), path);
  atomic_store(&elsewhere, 1);
  return result;
}

int fchdir(int directory) {
  NEXT(fchdir);
  atomic_store(&elsewhere, 1);
  return next(directory);
}

int chroot(const char *path) {
  NEXT(chroot);
  record(UNKNOWN, 0, "another root directory");
  return next(path);
}
