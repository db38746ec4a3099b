#define _GNU_SOURCE
#include "policy.h"

#include <fcntl.h>
#include <limits.h>
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
  gid_t groups[NGROUPS_MAX];
  policy->uid = getuid();
  policy->gid = getgid();
  policy->group_count = getgroups(NGROUPS_MAX, groups);
  if (policy->group_count > TREE_GROUPS) policy->group_count = TREE_GROUPS;
  for (int i = 0; i < policy->group_count; i++) policy->groups[i] = groups[i];
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

static int is_own_group(const struct policy *policy, gid_t group) {
  for (int i = 0; i < policy->group_count; i++)
    if (policy->groups[i] == group) return 1;
  return group == policy->gid;
}

int is_withheld(const struct policy *policy, int directory, const char *name, const struct stat *of) {
  int is_own = of->st_uid == policy->uid, of_group = is_own_group(policy, of->st_gid);
  /* A worker's root may all in what root owns. */
  if (policy->uid == 0 && is_own && of_group) return 0;
  unsigned wanted = S_ISDIR(of->st_mode) ? R_OK | X_OK : S_ISREG(of->st_mode) ? R_OK : 0;
  if (S_ISREG(of->st_mode) && of->st_mode & 0111) wanted |= X_OK;
  unsigned denied = wanted & ~(of->st_mode >> (is_own ? 6 : of_group ? 3 : 0));
  for (unsigned right = X_OK; right <= R_OK; right <<= 1)
    if (denied & right && faccessat(directory, name, (int)right, AT_EACCESS) == 0) return 1;
  return 0;
}

int is_of_another_person(const struct policy *policy, const struct stat *of) {
  return of->st_uid >= FIRST_PERSON && of->st_uid != NOBODY && of->st_uid != policy->uid;
}

int is_own_ground(const struct policy *policy, const char *path, const struct stat *of) {
  for (char **never = policy->never; *never; never++)
    if (S_ISDIR(of->st_mode) && strcmp(*never, path) == 0) return 1;
  return 0;
}
