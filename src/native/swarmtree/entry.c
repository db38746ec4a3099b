#define _GNU_SOURCE
#include "entry.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * A file with several names changes without an event in this directory, and so do the times of a directory in which
 * something is made: both are watched themselves, before the look. So is a file that a worker may have the content of, which
 * it need not ask for again in a directory that was moved: it may be given another name at any time.
 */
static int changes_unseen(const struct listing *listing, struct stat *stat) {
  if (S_ISDIR(stat->st_mode)) return 1;
  return S_ISREG(stat->st_mode) && (stat->st_nlink > 1 || map_get(&listing->server->given, file_key(stat)));
}

static void watch_itself(struct listing *listing, const char *name, struct stat *stat) {
  struct watcher *watcher = &listing->server->watcher;
  int is_file = S_ISREG(stat->st_mode);
  if (!changes_unseen(listing, stat)) return;
  struct place *place = place_make(&watcher->places, listing->place, name);
  if (!place || (!is_file && place->watch >= 0)) return;
  place->is_file = is_file;
  errno = 0;
  watcher_watch(watcher, place, listing->fd, name);
  if (place->unwatched && !is_file && errno == EACCES) {
    /* Nobody here may look into it: nobody asks for more than its name. */
    watcher_forget(watcher, place);
    return;
  }
  if (place->unwatched) place_unwatch(&watcher->places, listing->place);
  fstatat(listing->fd, name, stat, AT_SYMLINK_NOFOLLOW);
}

/* Is a name listed as it is? 0, ENOENT, or the errno of what went wrong. */
static int find_listed(int directory, const char *name) {
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = fd < 0 ? NULL : fdopendir(fd);
  if (!stream) {
    int error = errno;
    if (fd >= 0) close(fd);
    return error;
  }
  const struct dirent *entry;
  do entry = readdir(stream);
  while (entry && strcmp(entry->d_name, name) != 0);
  int found = entry != NULL;
  closedir(stream);
  return found ? 0 : ENOENT;
}

/* Looks at a name only if it is listed: any other is mounted for whoever looks, however long that takes. An errno, or 0. */
static int look_at_listed(int directory, const char *name, struct stat *stat) {
  int error = find_listed(directory, name);
  if (error) return error;
  return fstatat(directory, name, stat, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 ? 0 : ENOENT;
}

static int look_at(const struct listing *listing, const char *name, struct stat *stat) {
  if (listing->place->made_up) return look_at_listed(listing->fd, name, stat);
  return fstatat(listing->fd, name, stat, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno;
}

int add_entry(struct listing *listing, struct bytes *to, const char *name, struct tree_attr *attr,
              struct stat *stat) {
  char path[PATH_MAX], target[PATH_MAX];
  size_t state_at = to->length;
  listing->is_alias = 0;
  add_u8(to, ENTRY_ABSENT);
  add_text(to, name);
  unsigned char state = ENTRY_PRESENT;
  int is_short = join_path(path, listing->path, name) == 0;
  /* A share that does not answer is waited for as at home. */
  int is_wanted = !is_short || policy_leads_to_share(&listing->server->policy, path);
  int is_held = !is_wanted && !mounts_answer(&listing->server->watcher.mounts, path);
  int is_made_up = listing->place->made_up, error = is_held ? ETIMEDOUT : look_at(listing, name, stat);
  if (error == ENOENT && !is_made_up) return ENTRY_ABSENT;
  if (error || (is_made_up && !S_ISDIR(stat->st_mode))) {
    /* It may be there, though what it is cannot be told: a mount whose server is gone, a file on a disk that fails. */
    if (!to->failed) to->data[state_at] = ENTRY_REFUSED;
    return ENTRY_REFUSED;
  }
  const struct policy *policy = &listing->server->policy;
  int public_way = listing->reached->public_way && listing->reached->stat.st_mode & 0001;
  if (!is_short || (!may_show(policy, path, public_way) && !is_own_ground(policy, path, stat)))
    state = ENTRY_REFUSED;
  else if (policy_reach(policy, path) == REACH_SHARE && is_withheld(policy, listing->fd, name, stat))
    state = ENTRY_REFUSED;
  if (listing->place->folds && !listing->is_listed)
    listing->is_alias = find_listed(listing->fd, name) == ENOENT;
  if (!to->failed) to->data[state_at] = listing->is_alias ? state | ENTRY_ALIAS : state;
  if (state == ENTRY_REFUSED) return state;
  watch_itself(listing, name, stat);
  attr_from_stat(attr, stat);
  add_attr(to, attr);
  if (S_ISLNK(stat->st_mode)) {
    ssize_t length = readlinkat(listing->fd, name, target, sizeof target);
    add_text_of(to, target, length > 0 && length < PATH_MAX ? (size_t)length : 0);
  }
  return state;
}
