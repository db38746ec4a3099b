/* LIST, LOOK and COMPARE: the names in directories and their attributes. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "entry.h"
#include "letters.h"

/* An answer that may need several frames. */
struct manifest {
  struct bytes *to;
  uint32_t id, count;
  uint64_t generation;
  int flags;
  struct tree_attr attr; /* of the directory itself */
  const char *path;
  size_t start, header; /* of the frame that is being written, and where its flags are */
};

static void open_piece(struct manifest *manifest) {
  struct bytes *to = manifest->to;
  manifest->start = frame_start(to, FRAME_TREE_MANIFEST);
  add_u32(to, manifest->id);
  add_u64(to, manifest->generation);
  manifest->header = to->length;
  add_u8(to, 0);
  add_u32(to, 0);
  add_u32(to, 0);
  add_attr(to, &manifest->attr);
  add_text(to, manifest->path);
  manifest->count = 0;
}

static void close_piece(struct manifest *manifest, int flags, int error) {
  if (manifest->to->failed) return;
  unsigned char *header = manifest->to->data + manifest->header;
  header[0] = (unsigned char)(manifest->flags | flags);
  put_u32(header + 1, (uint32_t)error);
  put_u32(header + 5, manifest->count);
  frame_finish(manifest->to, manifest->start);
}

/*
 * Small files of the system are told with their hash: a worker that has the same ones need not ask. Not programs: of a
 * directory of them hardly one is wanted, and all the others would be read for nothing.
 */
static int known_hash(struct listing *listing, const char *name, const struct tree_attr *attr,
                      const struct stat *stat, unsigned char hash[HASH_BYTES]) {
  struct server *server = listing->server;
  char path[PATH_MAX];
  if (join_path(path, listing->path, name) != 0) return 0;
  enum reach reach = policy_reach(&server->policy, path);
  struct reached as = {.reach = reach, .public_way = listing->reached->public_way, .stat = *stat};
  if (!S_ISREG(stat->st_mode) || !may_take(&server->policy, &as)) return 0;
  if (hash_index_get(&server->index, 0, attr, WHOLE_FILE, hash)) return 1;
  if (reach == REACH_SHARE || attr->mode & 0111) return 0;
  if (attr->size > server->hash_below_bytes || !is_settled(attr)) return 0;
  int fd = openat(listing->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return 0;
  struct stat opened;
  struct tree_attr opened_attr;
  int found = 0;
  if (fstat(fd, &opened) == 0) {
    attr_from_stat(&opened_attr, &opened);
    found = attr_is_same_content(attr, &opened_attr) && hash_of_file(server, fd, attr, hash);
  }
  close(fd);
  return found;
}

/*
 * What a name was, by its state and attributes. Not by its hash, which is known or not whatever the file does, nor by the blocks
 * that it takes: the file system may change its mind about them. What is neither a file nor a directory is another one with each change.
 */
static struct seen seen_as(int state, const struct tree_attr *attr) {
  if (state != ENTRY_PRESENT) return (struct seen){(uint64_t)state, 0};
  struct tree_attr of = *attr;
  of.blocks = 0;
  uint64_t digest = hash_data(0, &of, sizeof of);
  if (!S_ISREG(of.mode) && !S_ISDIR(of.mode)) return (struct seen){digest, digest};
  uint64_t file[] = {of.dev, of.ino, of.mode & S_IFMT};
  return (struct seen){hash_data(0, file, sizeof file), digest};
}

/*
 * What was told before, to another worker maybe, is compared now: from here on comparisons are with what is told this time.
 * A name that was told is the same one as events would have it: a directory in which something was made is no other one.
 */
static void remember(struct listing *listing, const char *name, struct seen now) {
  struct server *server = listing->server;
  struct place *place = listing->place;
  const struct told *told = place_told(place, name);
  int is_there = now.file != ENTRY_ABSENT;
  /* That a name is found which was not listed is news, but for one that never is. */
  int is_new = place->told_whole && is_there && !listing->is_alias;
  int is_news = told ? told->seen.file != now.file || told->seen.digest != now.digest : is_new;
  if (is_news) {
    int kind = told && told->seen.file == now.file ? CHANGE_NODE : CHANGE_NAME;
    changes_add(&server->watcher.changes, kind, listing->path, name);
    server->watcher.generation++;
  }
  if (is_there || !place->told_whole || place->folds) place_tell(place, name, now);
  else place_untell(place, name);
}

static void tell_entry(struct listing *listing, struct manifest *manifest, const char *name) {
  struct bytes *to = manifest->to;
  if (to->length - manifest->start > TREE_MANIFEST_BYTES - 2 * PATH_MAX) {
    close_piece(manifest, MANIFEST_MORE, 0);
    open_piece(manifest);
  }
  size_t from = to->length;
  struct tree_attr attr;
  struct stat stat;
  unsigned char hash[HASH_BYTES];
  int state = add_entry(listing, to, name, &attr, &stat);
  manifest->count++;
  if (needs_comparing(listing->place)) remember(listing, name, seen_as(state, &attr));
  if (state != ENTRY_PRESENT || !known_hash(listing, name, &attr, &stat, hash)) return;
  bytes_add(to, hash, HASH_BYTES);
  if (!to->failed) to->data[from] |= ENTRY_HASHED;
}

struct names {
  char **list;
  size_t count, room;
};

static void free_names(struct names *names) {
  for (size_t i = 0; i < names->count; i++) free(names->list[i]);
  free(names->list);
  *names = (struct names){0};
}

/* All names, `most` at most; 0, or -1 with errno, EFBIG for more. */
static int read_names(int directory, size_t most, struct names *names) {
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = fd < 0 ? NULL : fdopendir(fd);
  if (!stream) return -1;
  errno = 0;
  for (struct dirent *entry; (entry = readdir(stream)); errno = 0) {
    if (!is_name(entry->d_name)) continue;
    if (names->count == names->room) {
      names->room = names->room ? names->room * 2 : 64;
      char **grown = realloc(names->list, names->room * sizeof *grown);
      if (!grown) break;
      names->list = grown;
    }
    if (names->count == most) {
      errno = EFBIG;
      break;
    }
    names->list[names->count] = strdup(entry->d_name);
    if (!names->list[names->count]) break;
    names->count++;
  }
  int error = errno;
  closedir(stream);
  errno = error;
  return error ? -1 : 0;
}

/* Of a directory that is closed: what leads to a share, and the name that was asked for. */
static void tell_ways(struct listing *listing, struct manifest *manifest, const char *hint) {
  size_t length = strlen(listing->path);
  for (char **share = listing->server->policy.shares; *share; share++) {
    char name[NAME_MAX + 1];
    if (!is_within(*share, listing->path) || !(*share)[length]) continue;
    const char *from = *share + length + 1;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(from, "/"), from);
    if (strcmp(name, hint) != 0) tell_entry(listing, manifest, name);
  }
  if (*hint) tell_entry(listing, manifest, hint);
}

static void tell_directory(struct listing *listing, struct manifest *manifest, int mode, const char *hint) {
  struct names names = {0};
  int is_closed = mode == LIST_WHOLE && listing->place->made_up;
  if (is_closed || !may_take(&listing->server->policy, listing->reached)) {
    manifest->flags |= MANIFEST_REFUSED;
    tell_ways(listing, manifest, hint);
    close_piece(manifest, 0, 0);
    return;
  }
  int error = 0, whole = !listing->place->made_up;
  if (whole && read_names(listing->fd, mode == LIST_WHOLE ? SIZE_MAX : TREE_LARGE_DIRECTORY, &names) != 0) {
    whole = 0;
    /* A directory that may be searched and not listed is told name by name, as a large one. */
    if (mode == LIST_WHOLE) error = errno;
  }
  if (names.count > 0 || whole) look_at_letters(listing, names.list, names.count);
  if (listing->place->folds) manifest->flags |= MANIFEST_FOLDED;
  else manifest->flags &= ~MANIFEST_FOLDED;
  listing->is_listed = whole;
  if (whole) {
    for (size_t i = 0; i < names.count; i++) tell_entry(listing, manifest, names.list[i]);
    listing->place->told_whole = 1;
  } else if (*hint) {
    tell_entry(listing, manifest, hint);
  }
  close_piece(manifest, error ? MANIFEST_FAILED : whole ? MANIFEST_WHOLE : 0, error);
  free_names(&names);
}

/* Reaches a directory and makes ready to tell of it; on failure that is told instead. */
static int open_listing(struct server *server, struct listing *listing, struct reached *reached,
                        const char *path, struct manifest *manifest) {
  reach(&server->reacher, path, reached);
  *listing = (struct listing){.server = server, .path = path, .reached = reached, .fd = reached->fd};
  int error = reached->error;
  if (reached->fd >= 0 && !S_ISDIR(reached->stat.st_mode)) error = ENOTDIR;
  if (!error && !reached->refused) {
    listing->place = watch_reached(&server->reacher, reached, path);
    /* What was made in it before it was watched has changed its times. */
    if (!listing->place) error = ENOMEM;
    else if (fstat(reached->fd, &reached->stat) != 0) error = errno;
  }
  manifest->generation = server->watcher.generation;
  if (listing->place && listing->place->folds) manifest->flags |= MANIFEST_FOLDED;
  if (listing->place && listing->place->network) manifest->flags |= MANIFEST_NETWORK;
  if (listing->place && listing->place->unwatched) manifest->flags |= MANIFEST_UNWATCHED;
  attr_from_stat(&manifest->attr, &reached->stat);
  open_piece(manifest);
  if (listing->place && !error) return 0;
  close_piece(manifest, reached->refused ? MANIFEST_REFUSED : MANIFEST_FAILED, error);
  return -1;
}

int serve_list(struct server *server, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  char path[PATH_MAX], hint[NAME_MAX + 1];
  uint32_t id = take_u32(&from);
  int mode = take_u8(&from);
  take_path(&from, path);
  take_text(&from, hint, sizeof hint);
  if (from.failed || (*hint && !is_name(hint))) return -1;
  server->figures.lists++;
  struct listing listing;
  struct reached reached;
  for (int again = 1; again;) {
    struct bytes *to = &server->link.outgoing;
    struct manifest manifest = {.to = to, .id = id, .path = path};
    size_t before = to->length;
    again = 0;
    if (open_listing(server, &listing, &reached, path, &manifest) == 0) {
      int compared = needs_comparing(listing.place);
      tell_directory(&listing, &manifest, mode, hint);
      again = needs_comparing(listing.place) && !compared;
      if (again) listing.place->told_whole = 0;
    }
    reached_close(&reached);
    /* A watch could not be had half-way, so that what was told must be remembered: all of it anew. */
    if (again && !to->failed) to->length = before;
  }
  return 0;
}

int serve_look(struct server *server, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  char path[PATH_MAX], name[NAME_MAX + 1];
  uint32_t id = take_u32(&from);
  take_path(&from, path);
  take_name(&from, name);
  if (from.failed) return -1;
  server->figures.looks++;
  struct listing listing;
  struct reached reached;
  struct manifest manifest = {.to = &server->link.outgoing, .id = id, .path = path, .flags = MANIFEST_SINGLE};
  if (open_listing(server, &listing, &reached, path, &manifest) == 0) {
    tell_entry(&listing, &manifest, name);
    close_piece(&manifest, listing.place->unwatched ? MANIFEST_UNWATCHED : 0, 0);
  }
  reached_close(&reached);
  return 0;
}

/* Looks again at all that was told of a directory without events; what differs is a change like any other. */
static void compare(struct server *server, const char *path) {
  struct place *place = place_find(&server->watcher.places, path);
  if (!place || place->is_file) return;
  struct reached reached;
  reach(&server->reacher, path, &reached);
  /* Reaching may have dropped places; the watches that it set are kept. */
  place = place_find(&server->watcher.places, path);
  if (reached.fd < 0 || !S_ISDIR(reached.stat.st_mode) || !place) {
    changes_add_path(&server->watcher.changes, CHANGE_NAME, path);
    server->watcher.generation++;
    if (place) watcher_forget(&server->watcher, place);
    reached_close(&reached);
    return;
  }
  struct listing listing = {
      .server = server, .path = path, .reached = &reached, .place = place, .fd = reached.fd, .is_listed = 1};
  struct bytes scratch = {0};
  struct names names = {0};
  struct tree_attr attr;
  struct stat stat;
  for (struct told *told = place->told, *next; told; told = next) {
    next = told->next;
    scratch.length = 0;
    int state = add_entry(&listing, &scratch, told->name, &attr, &stat);
    remember(&listing, told->name, seen_as(state, &attr));
  }
  if (place->told_whole && read_names(reached.fd, SIZE_MAX, &names) == 0)
    for (size_t i = 0; i < names.count; i++) {
      if (place_told(place, names.list[i])) continue;
      scratch.length = 0;
      int state = add_entry(&listing, &scratch, names.list[i], &attr, &stat);
      remember(&listing, names.list[i], seen_as(state, &attr));
    }
  free_names(&names);
  free(scratch.data);
  reached_close(&reached);
}

int serve_compare(struct server *server, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  char path[PATH_MAX];
  while (!from.failed && cursor_left(&from) > 0) {
    take_path(&from, path);
    if (!from.failed) compare(server, path);
  }
  return from.failed ? -1 : 0;
}
