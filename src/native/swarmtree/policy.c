#define _GNU_SOURCE
#include "policy.h"

#include <unistd.h>

enum { FIRST_PERSON = 1000, NOBODY = 65534 };

static char **read_list(const struct settings *settings, const char *key) {
  char **list = calloc(settings->count + 1, sizeof *list);
  size_t at = 0, count = 0;
  const char *value;
  while (list && (value = setting_next(settings, key, &at))) {
    /* The root as a share is the empty path. */
    list[count] = strdup(strcmp(value, "/") == 0 ? "" : value);
    if (!list[count++]) return NULL;
  }
  return list;
}

int policy_read(struct policy *policy, const struct settings *settings) {
  policy->uid = getuid();
  policy->shares = read_list(settings, "share");
  policy->never = read_list(settings, "never");
  if (!policy->shares || !policy->never) return -1;
  for (char **share = policy->shares; *share; share++)
    if (!is_path(*share)) return -1;
  return 0;
}

/* Are the parts `wanted` (`a` or `a/b`) found one after the other in `path`? */
static int has_parts(const char *path, const char *wanted) {
  size_t length = strlen(wanted);
  if (length == 0) return 0;
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
    if (strncmp(slash + 1, wanted, length) == 0 && (slash[1 + length] == '\0' || slash[1 + length] == '/'))
      return 1;
  return 0;
}

enum reach policy_reach(const struct policy *policy, const char *path) {
  for (char **never = policy->never; *never; never++)
    if ((*never)[0] == '/' ? is_within(path, *never) : has_parts(path, *never)) return REACH_NEVER;
  for (char **share = policy->shares; *share; share++)
    if (is_within(path, *share)) return REACH_SHARE;
  return REACH_PUBLIC;
}

int policy_leads_to_share(const struct policy *policy, const char *path) {
  for (char **share = policy->shares; *share; share++)
    if (is_within(*share, path)) return 1;
  return 0;
}

int is_public(const struct stat *of) {
  if (S_ISLNK(of->st_mode)) return 1;
  if (S_ISDIR(of->st_mode)) return (of->st_mode & 0005) == 0005;
  return (of->st_mode & 0004) != 0;
}

int is_of_another_person(const struct policy *policy, const struct stat *of) {
  return of->st_uid >= FIRST_PERSON && of->st_uid != NOBODY && of->st_uid != policy->uid;
}

int is_own_ground(const struct policy *policy, const char *path, const struct stat *of) {
  for (char **never = policy->never; *never; never++)
    if (S_ISDIR(of->st_mode) && strcmp(*never, path) == 0) return 1;
  return 0;
}
