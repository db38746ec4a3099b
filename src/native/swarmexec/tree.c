#define _GNU_SOURCE
#include "tree.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct tree {
  pid_t *pids;
  size_t count, room;
};

static void tree_add(struct tree *tree, pid_t pid) {
  if (tree->count == tree->room) {
    size_t room = tree->room ? tree->room * 2 : 64;
    pid_t *grown = realloc(tree->pids, room * sizeof *grown);
    if (!grown) return;
    tree->pids = grown;
    tree->room = room;
  }
  tree->pids[tree->count++] = pid;
}

static void add_children_of_thread(struct tree *tree, const char *process, const char *thread) {
  char path[80];
  snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/children", process, thread);
  FILE *list = fopen(path, "re");
  if (!list) return; /* ended meanwhile */
  for (int pid; fscanf(list, "%d", &pid) == 1;) tree_add(tree, pid);
  fclose(list);
}

static void add_children(struct tree *tree, const char *process) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%.20s/task", process);
  DIR *threads = opendir(path);
  if (!threads) return;
  for (struct dirent *entry; (entry = readdir(threads));)
    if (entry->d_name[0] != '.') add_children_of_thread(tree, process, entry->d_name);
  closedir(threads);
}

static struct tree find_tree(void) {
  struct tree tree = {0};
  add_children(&tree, "self");
  for (size_t i = 0; i < tree.count; i++) {
    char process[20];
    snprintf(process, sizeof process, "%d", (int)tree.pids[i]);
    add_children(&tree, process);
  }
  return tree;
}

size_t tree_signal(int number) {
  struct tree tree = find_tree();
  for (size_t i = 0; i < tree.count; i++) {
    kill(tree.pids[i], number);
    if (number == SIGTERM) kill(tree.pids[i], SIGCONT); /* a stopped one would not see it */
  }
  size_t count = tree.count;
  free(tree.pids);
  return count;
}
