/*
 * Finding and executing a command as execvp does, with one difference: a swarmrun that stands in for a
 * compiler (a link `g++ -> swarmrun` early in PATH, or named by its path) is passed over for the next
 * program of that name in PATH. Else a masqueraded compiler would call itself for ever. The program is then
 * told its whole path as argv[0]: gcc looks for its back ends beside the first program of its name in PATH.
 */
#ifndef BUILDSWARM_PROGRAM_H
#define BUILDSWARM_PROGRAM_H

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* Is `path` this wrapper (`self`, may be NULL), or a link to another copy of it? */
static inline int is_swarmrun(const char *path, const struct stat *self) {
  struct stat found;
  if (stat(path, &found) != 0) return 0;
  if (self && found.st_dev == self->st_dev && found.st_ino == self->st_ino) return 1;
  if (lstat(path, &found) != 0 || !S_ISLNK(found.st_mode)) return 0;
  char *real = realpath(path, NULL);
  int is = real && strcmp(base_name(real), "swarmrun") == 0;
  free(real);
  return is;
}

/* execve, and as a shell does: a file that is no binary and has no #! is a script for sh. Returns errno. */
static inline int exec_file(const char *path, char **argv, char **envp) {
  execve(path, argv, envp);
  if (errno != ENOEXEC) return errno;
  size_t count = 0;
  while (argv[count]) count++;
  char **script = calloc(count + 2, sizeof *script);
  if (!script) return ENOMEM;
  script[0] = (char *)"/bin/sh";
  script[1] = (char *)path;
  for (size_t i = 1; i < count; i++) script[i + 1] = argv[i];
  execve(script[0], script, envp);
  int error = errno;
  free(script);
  return error;
}

static inline const char *search_path(char **envp) {
  for (; *envp; envp++)
    if (strncmp(*envp, "PATH=", 5) == 0) return *envp + 5;
  return "/bin:/usr/bin";
}

/* Executes `argv` with `envp`; comes back only with an errno, ENOENT if there is no such program. */
static inline int exec_program(char **argv, char **envp, const struct stat *self) {
  const char *name = argv[0];
  int named_swarmrun = strcmp(base_name(name), "swarmrun") == 0;
  if (strchr(name, '/')) {
    if (named_swarmrun || !is_swarmrun(name, self)) return exec_file(name, argv, envp);
    name = base_name(name);
  }
  if (*name == '\0') return ENOENT;
  int denied = 0, passed_over = name != argv[0];
  char candidate[PATH_MAX + NAME_MAX + 2];
  for (const char *at = search_path(envp), *end; at; at = *end ? end + 1 : NULL) {
    end = strchrnul(at, ':');
    size_t length = (size_t)(end - at);
    if (length + strlen(name) + 2 > sizeof candidate) continue;
    /* An empty entry of PATH is the current directory. */
    memcpy(candidate, at, length);
    if (length > 0) candidate[length++] = '/';
    strcpy(candidate + length, name);
    if (!named_swarmrun && is_swarmrun(candidate, self)) {
      passed_over = 1;
      continue;
    }
    char *given = argv[0];
    if (passed_over) argv[0] = candidate;
    int error = exec_file(candidate, argv, envp);
    argv[0] = given;
    if (error == EACCES) denied = 1;
    else if (error != ENOENT && error != ENOTDIR && error != ESTALE && error != ENODEV && error != ETIMEDOUT)
      return error;
  }
  return denied ? EACCES : ENOENT;
}

#endif
