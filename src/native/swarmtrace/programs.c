/* The functions of the C library that start programs, load libraries, and ask what no file name tells. */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "record.h"

/* Before it is tried, since what succeeds does not come back; and again if it failed. */
#define EXECUTE(name, parameters, arguments)                                                                 \
  int name parameters {                                                                                      \
    NEXT(name);                                                                                              \
    record(EXECUTED, 0, path);                                                                               \
    int result = next arguments;                                                                             \
    record(EXECUTED, errno, path);                                                                           \
    return result;                                                                                           \
  }
EXECUTE(execv, (const char *path, char *const words[]), (path, words))
EXECUTE(execvp, (const char *path, char *const words[]), (path, words))
EXECUTE(execve, (const char *path, char *const words[], char *const environment[]),
        (path, words, environment))
EXECUTE(execvpe, (const char *path, char *const words[], char *const environment[]),
        (path, words, environment))

#define SPAWN(name)                                                                                          \
  int name(pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *actions,        \
           const posix_spawnattr_t *restrict attributes, char *const words[restrict],                        \
           char *const environment[restrict]) {                                                              \
    NEXT(name);                                                                                              \
    record(EXECUTED, 0, path);                                                                               \
    int result = next(pid, path, actions, attributes, words, environment);                                   \
    if (result != 0) record(EXECUTED, result, path);                                                         \
    return result;                                                                                           \
  }
SPAWN(posix_spawn)
SPAWN(posix_spawnp)

int fexecve(int file, char *const words[], char *const environment[]) {
  NEXT(fexecve);
  record(UNKNOWN, 0, "a program without a name");
  return next(file, words, environment);
}

int system(const char *command) {
  NEXT(system);
  if (command) record(EXECUTED, 0, "/bin/sh");
  return next(command);
}

FILE *popen(const char *command, const char *mode) {
  NEXT(popen);
  record(EXECUTED, 0, "/bin/sh");
  return next(command, mode);
}

void *dlopen(const char *path, int mode) {
  NEXT(dlopen);
  void *result = next(path, mode);
  if (path) record(READ, result ? 0 : ENOENT, path);
  return result;
}

int connect(int socket, const struct sockaddr *address, socklen_t length) {
  NEXT(connect);
  record(UNKNOWN, 0, "a connection to another program");
  return next(socket, address, length);
}

/* ---- The time zone ---- */

void tzset(void) {
  NEXT(tzset);
  record(ZONE, 0, "");
  next();
}

struct tm *localtime(const time_t *time) {
  NEXT(localtime);
  record(ZONE, 0, "");
  return next(time);
}

struct tm *localtime_r(const time_t *restrict time, struct tm *restrict result) {
  NEXT(localtime_r);
  record(ZONE, 0, "");
  return next(time, result);
}

time_t mktime(struct tm *time) {
  NEXT(mktime);
  record(ZONE, 0, "");
  return next(time);
}

char *ctime(const time_t *time) {
  NEXT(ctime);
  record(ZONE, 0, "");
  return next(time);
}
