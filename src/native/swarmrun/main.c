/*
 * swarmrun: runs a command on the swarm as if it ran here. It hands argv, environment and a description
 * of itself to the peer of this machine over a unix socket (docs/PROTOCOL.md, section 1), then passes
 * output, input and signals on, and ends as the command ended. Whatever goes wrong before the command
 * has shown an effect, it executes the command itself, in place ("inline").
 *
 * Two rules shape the code. Nothing that the command would have inherited is touched: signals are
 * blocked and fetched, so no disposition changes; descriptors of ours stand at high numbers, so that closed
 * ones stay closed. And nothing is taken from stdin that the command has not really read.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../program.h"
#include "descriptors.h"
#include "ending.h"
#include "peer.h"
#include "relay.h"
#include "request.h"
#include "signals.h"
#include "wrapper.h"

#ifndef BUILDSWARM_VERSION
#define BUILDSWARM_VERSION "0"
#endif

static const char help[] =
    "Usage: swarmrun [--local|--remote] COMMAND [ARGUMENT...]\n"
    "Runs COMMAND on the build swarm as if it ran here; here, if the swarm can't.\n"
    "\n"
    "  --local       the swarm gives it a slot of this machine\n"
    "  --remote      the swarm runs it on another machine\n"
    "\n"
    "A link to swarmrun with the name of a compiler runs the next compiler of that name in PATH.\n"
    "FORCE_INLINE=1 in the environment: never ask the swarm. BUILDSWARM_DEBUG=1: tell what was decided.\n"
    "BUILDSWARM_SOCKET: where the peer listens. `buildswarm start` starts a peer.\n";

static noreturn void print(int fd, const char *text, int status) {
  dprintf(fd, "%s", text);
  _exit(status);
}

/* Reads our own options from the start of `command`; the place where they end. */
static char **read_options(char **command, const char **force) {
  for (; command[0] && command[0][0] == '-'; command++) {
    if (strcmp(command[0], "--") == 0) return command + 1;
    if (strcmp(command[0], "--version") == 0) print(1, "swarmrun " BUILDSWARM_VERSION "\n", 0);
    if (strcmp(command[0], "--help") == 0) print(1, help, 0);
    if (strcmp(command[0], "--local") != 0 && strcmp(command[0], "--remote") != 0) {
      dprintf(2, "swarmrun: unknown option '%s'; options of the command stand behind its name\n\n",
              command[0]);
      print(2, help, 2);
    }
    *force = command[0] + 2;
  }
  return command;
}

/* Finds the command in our own arguments; our own options stand before it. */
static void read_command_line(struct wrapper *self, char **argv) {
  if (!argv[0]) print(2, help, 2);
  char **command = argv;
  self->force = "";
  if (strcmp(base_name(argv[0]), "swarmrun-remote") == 0) { /* as `buildswarm run --remote` calls us */
    command[0] = (char *)"swarmrun";
    self->force = "remote";
  }
  /* `swarmrun swarmrun g++` (a launcher before a wrapped compiler) is one wrapper, or it would take two slots. */
  while (command[0] && strcmp(base_name(command[0]), "swarmrun") == 0)
    command = read_options(command + 1, &self->force);
  if (!command[0]) print(2, help, 2);
  self->command = command;
}

int main(int argc, char **argv) {
  static struct wrapper self; /* too large for the stack that a caller may have left us */
  (void)argc;
  self.peer = self.signals.fd = self.input.watch = self.input.copy[0] = self.input.copy[1] = -1;
  self.self_known = stat("/proc/self/exe", &self.self_file) == 0;
  read_command_line(&self, argv);
  if (getenv("FORCE_INLINE") || getenv("FORCE_LOCAL")) {
    debug("inline: the environment asks for it");
    exec_inline(&self);
  }
  sigprocmask(SIG_SETMASK, NULL, &self.signals.found);
  for (int fd = 0; fd < 3; fd++) self.kinds[fd] = fd == 1 ? output_kind_of(1) : kind_of(fd);
  /* What can't be read is no pipe to look into; reading it then tells the command the end. */
  if (self.kinds[0] != CLOSED && (fcntl(0, F_GETFL) & O_ACCMODE) == O_WRONLY) self.kinds[0] = OTHER;
  self.peer = connect_peer(&self.surroundings);
  if (self.peer < 0) exec_inline(&self);
  hand_over(&self);
  signals_watch(&self.signals);
  relay(&self);
}
