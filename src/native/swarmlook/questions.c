#define _GNU_SOURCE
#include "questions.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commit.h"

/* Opens, looks, closes: so an NFS client asks the server. Returns an errno. */
static int look_opened(const char *path, int flags, struct stat *stats) {
  int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | flags);
  if (descriptor < 0) return errno;
  int error = fstat(descriptor, stats) == 0 ? 0 : errno;
  close(descriptor);
  return error;
}

static int is_opened(mode_t mode) { return S_ISREG(mode) || S_ISDIR(mode); }

/* As lookOnce in src/share/blocking/look.ts, but of a link itself. */
static int look_once(const char *path, struct stat *stats) {
  if (lstat(path, stats) != 0) return errno;
  if (!is_opened(stats->st_mode)) return 0;
  int error = look_opened(path, O_NOFOLLOW, stats);
  /* Not readable, or no longer what lstat saw: once more without opening. */
  if (error == EACCES || error == EPERM || error == ELOOP || error == ENXIO)
    return lstat(path, stats) == 0 ? 0 : errno;
  return error;
}

static int look_fresh(const char *path, struct stat *stats) {
  int error = look_once(path, stats);
  if (error != ESTALE) return error;
  /* The name leads to a file that the server no longer has: it was renamed over while somebody here has it open. */
  char parent[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path);
  if (length == 0 || length >= sizeof parent) return error;
  memcpy(parent, path, length);
  parent[length] = 0;
  struct stat unused;
  look_opened(parent, O_DIRECTORY, &unused);
  return look_once(path, stats);
}

static int look_directory(const char *path, struct stat *stats) {
  return look_opened(path, O_DIRECTORY, stats);
}
static int look_behind(const char *path, struct stat *stats) { return stat(path, stats) == 0 ? 0 : errno; }
static int look_plain(const char *path, struct stat *stats) { return lstat(path, stats) == 0 ? 0 : errno; }

static int put_record(struct answer *answer, const char *path, int (*look)(const char *, struct stat *)) {
  struct stat stats;
  int error = look(path, &stats);
  answer_put_fact(answer, error == 0 ? &stats : NULL);
  return means_absent(error) ? 0 : error;
}

/* u8: 1, or 0 of what is absent; i64 device, inode, mode, size, links and owner. As StatedFile in src/share/obstacles.ts. */
static void put_stated(struct answer *answer, const struct stat *stats) {
  unsigned char is_there = stats != NULL;
  int64_t fields[6] = {0};
  if (stats != NULL) {
    int64_t found[] = {(int64_t)stats->st_dev,  (int64_t)stats->st_ino,   (int64_t)stats->st_mode,
                       (int64_t)stats->st_size, (int64_t)stats->st_nlink, (int64_t)stats->st_uid};
    memcpy(fields, found, sizeof fields);
  }
  answer_put(answer, &is_there, 1);
  answer_put(answer, fields, sizeof fields);
}

static int put_behind(struct answer *answer, const char *path) {
  struct stat stats;
  put_stated(answer, look_behind(path, &stats) == 0 ? &stats : NULL);
  return 0;
}

static int put_output(struct answer *answer, const char *path) {
  struct stat stats;
  unsigned char is_writable = (unsigned char)may_write_beside(path);
  answer_put(answer, &is_writable, 1);
  int error = look_plain(path, &stats);
  put_stated(answer, error == 0 ? &stats : NULL);
  put_behind(answer, path);
  return means_absent(error) ? 0 : error;
}

/* Where a name leads elsewhere, nothing behind it is touched. */
static int look_way(const char *path) {
  struct stat stats;
  int error = look_plain(path, &stats);
  if (error == 0) return S_ISLNK(stats.st_mode) ? ELOOP : 0;
  return means_absent(error) ? 0 : error;
}

/* To look at each of those above a long one takes time by the square of its length; realpath takes it name by name. */
enum { MAX_DIRECTORIES = 512, MAX_KNOWN_BYTES = 512 };

/* The real path of a directory, found once a request: compilers look for each header in many, and always in the same. */
struct known_directory {
  const char *path; /* in the request, without an end */
  size_t length;
  char *real; /* NULL: there is none */
};
static struct known_directory directories[MAX_DIRECTORIES];
static size_t directory_count;

static void forget_directories(void) {
  while (directory_count > 0) free(directories[--directory_count].real);
}

/* Of a path: what is behind its last slash, which may be nothing. */
struct last_name {
  size_t at, length;
};

static struct last_name last_name_of(const char *path, size_t length) {
  size_t at = length;
  while (at > 0 && path[at - 1] != '/') at--;
  return (struct last_name){at, length - at};
}

static int is_dots(const char *path, struct last_name name) {
  const char *text = path + name.at;
  return name.length == 0 || (name.length == 1 && text[0] == '.') ||
         (name.length == 2 && text[0] == '.' && text[1] == '.');
}

/* The real path of a directory, which that name of `path` is, in one whose real path is known. */
static char *real_below(const char *above, const char *path, struct last_name name) {
  size_t above_length = strcmp(above, "/") == 0 ? 0 : strlen(above);
  if (is_dots(path, name) && name.length < 2) return strdup(above);
  if (is_dots(path, name)) {
    while (above_length > 0 && above[above_length - 1] != '/') above_length--;
    return above_length < 2 ? strdup("/") : strndup(above, above_length - 1);
  }
  char *real = malloc(above_length + name.length + 2);
  if (real == NULL) return NULL;
  memcpy(real, above, above_length);
  real[above_length] = '/';
  memcpy(real + above_length + 1, path + name.at, name.length);
  real[above_length + 1 + name.length] = 0;
  return real;
}

static const char *real_directory(const char *path, size_t length, int *is_known);

/* NULL: it is none. One look tells whether its whole way is there, and what is no link lies where its parent really is. */
static char *find_real(const char *path, size_t length) {
  char text[MAX_KNOWN_BYTES + 1];
  struct stat stats;
  memcpy(text, path, length);
  text[length] = 0;
  if (lstat(text, &stats) != 0) return NULL;
  if (S_ISDIR(stats.st_mode)) {
    if (length == strspn(text, "/")) return strdup("/");
    struct last_name name = last_name_of(path, length);
    int is_known = 0;
    const char *above = name.at == 0 ? NULL : real_directory(path, name.at - (name.at > 1), &is_known);
    char *real = above == NULL ? NULL : real_below(above, path, name);
    if (above != NULL && real == NULL) exit(1); /* no memory; it does not mean that there is no directory */
    if (real != NULL) return real;
  } else if (!S_ISLNK(stats.st_mode) || stat(text, &stats) != 0 || !S_ISDIR(stats.st_mode)) return NULL;
  return realpath(text, NULL);
}

/* NULL: there is none, or no room to remember it; then `*is_known` tells which. */
static const char *real_directory(const char *path, size_t length, int *is_known) {
  *is_known = 1;
  for (size_t i = directory_count; i-- > 0;)
    if (directories[i].length == length && memcmp(directories[i].path, path, length) == 0)
      return directories[i].real;
  *is_known = directory_count < MAX_DIRECTORIES && length <= MAX_KNOWN_BYTES;
  char *real = *is_known ? find_real(path, length) : NULL;
  /* Those above it may have taken the last place. */
  *is_known = *is_known && directory_count < MAX_DIRECTORIES;
  if (*is_known) directories[directory_count++] = (struct known_directory){path, length, real};
  else free(real);
  return *is_known ? real : NULL;
}

static void put_text(struct answer *answer, const char *text) { answer_put(answer, text, strlen(text)); }

/* Of what is no link, in a directory that is known, one look tells it. */
static void put_place(struct answer *answer, const char *path) {
  char real[PATH_MAX];
  struct stat own;
  struct last_name name = last_name_of(path, strlen(path));
  int is_known = 0;
  if (name.at > 0 && is_dots(path, name)) {
    const char *directory = real_directory(path, name.at + name.length, &is_known);
    if (directory != NULL) put_text(answer, directory);
    if (is_known) return;
  } else if (name.at > 1) {
    const char *directory = real_directory(path, name.at - 1, &is_known);
    if (is_known && (directory == NULL || lstat(path, &own) != 0)) return;
    if (is_known && !S_ISLNK(own.st_mode)) {
      put_text(answer, strcmp(directory, "/") == 0 ? "" : directory);
      put_text(answer, path + name.at - 1);
      return;
    }
  }
  if (realpath(path, real) != NULL) put_text(answer, real);
}

/* Of a directory, which is remembered: what is looked up in it comes next. */
static void put_place_of_directory(struct answer *answer, const char *path) {
  int is_known = 0;
  const char *directory = real_directory(path, strlen(path), &is_known);
  if (directory != NULL) put_text(answer, directory);
  else if (!is_known) put_place(answer, path);
}

static void put_length(struct answer *answer, size_t at) {
  uint16_t bytes = (uint16_t)(answer->bytes - at - sizeof bytes);
  memcpy(answer->data + at, &bytes, sizeof bytes);
}

static void put_stats(struct answer *answer, const struct stat *stats) {
  int64_t fields[] = {(int64_t)stats->st_dev,  (int64_t)stats->st_ino,      (int64_t)stats->st_mode,
                      (int64_t)stats->st_size, nanoseconds(stats->st_mtim), nanoseconds(stats->st_ctim)};
  answer_put(answer, fields, sizeof fields);
}

/* Of a directory only its place is told, wherever else names in it come and go. */
static void put_content(struct answer *answer, const char *path, const struct stat *behind) {
  if (!S_ISDIR(behind->st_mode)) {
    put_stats(answer, behind);
    return;
  }
  answer_put(answer, "D", 1);
  put_place_of_directory(answer, path);
}

static void put_link(struct answer *answer, const char *path) {
  struct stat own, behind;
  if (lstat(path, &own) != 0) return;
  if (!S_ISLNK(own.st_mode)) {
    put_content(answer, path, &own);
    return;
  }
  int error = look_behind(path, &behind);
  if (error != 0 && !means_absent(error)) return;
  put_stats(answer, &own);
  if (error == 0) put_content(answer, path, &behind);
}

/* What cannot be looked at is not there, for a program that runs as this user. */
static void put_stamp(struct answer *answer, char kind, const char *path) {
  size_t at = answer->bytes;
  answer_grow(answer, sizeof(uint16_t));
  struct stat behind;
  if (kind == 'p') put_place(answer, path);
  else if (kind == 'l') put_link(answer, path);
  else if (look_behind(path, &behind) == 0) {
    if (kind == 'n') put_stats(answer, &behind);
    else put_content(answer, path, &behind);
  }
  put_length(answer, at);
}

int questions_answer(const char *questions, const char *end, struct answer *answer, const char **failed_at) {
  forget_directories();
  for (const char *at = questions; at < end;) {
    const char *path = at + 1;
    const char *nul = path < end ? memchr(path, 0, (size_t)(end - path)) : NULL;
    if (nul == NULL) exit(1); /* no request that our peer would send */
    int error = 0;
    switch (*at) {
      case 'F': error = put_record(answer, path, look_fresh); break;
      case 'D': error = put_record(answer, path, look_directory); break;
      case 'S': error = put_record(answer, path, look_behind); break;
      case 'L': error = put_record(answer, path, look_plain); break;
      case 'B': error = put_behind(answer, path); break;
      case 'O': error = put_output(answer, path); break;
      case 'W': error = look_way(path); break;
      case 'c':
      case 'n':
      case 'l':
      case 'p': put_stamp(answer, *at, path); break;
      default: exit(1);
    }
    if (error != 0) {
      *failed_at = path;
      return error;
    }
    at = nul + 1;
  }
  return 0;
}
