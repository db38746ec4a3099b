#define _GNU_SOURCE
#include "ending.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "../program.h"

extern char **environ;

void debug(const char *format, ...) {
  const char *wish = getenv("BUILDSWARM_DEBUG");
  if (!wish || !*wish || strcmp(wish, "0") == 0) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  dprintf(2, "swarmrun: %s\n", text);
}

noreturn void die_of(int number) {
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0); /* a core_pattern that is a pipe does not ask for the limit */
  signal(number, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  sigprocmask(SIG_UNBLOCK, &only, NULL);
  kill(getpid(), number);
  _exit(128 + number);
}

noreturn void exec_inline(struct wrapper *self) {
  if (self->signals.fd >= 0) {
    /* It came before the command began, which would have died of it. */
    if (self->signals.deadly) die_of(self->signals.deadly);
    sigprocmask(SIG_SETMASK, &self->signals.found, NULL);
  }
  char **command = self->command;
  int error = exec_program(command, environ, self->self_known ? &self->self_file : NULL);
  const char *why = error == ENOENT ? "command not found" : strerror(error);
  dprintf(2, "swarmrun: %s: %s\n", command[0], why);
  _exit(error == ENOENT ? 127 : 126);
}

int is_untouched(const struct wrapper *self) {
  const struct input *input = &self->input;
  if (self->output.begun) return 0;
  if (self->kinds[0] == REGULAR) return !input->taken || lseek(0, input->start, SEEK_SET) >= 0;
  return self->kinds[0] == PIPE || self->kinds[0] == SOCKET ? !input->taken : !input->sent;
}

noreturn void lost(struct wrapper *self, const char *why) {
  if (is_untouched(self)) {
    debug("inline: %s", why);
    exec_inline(self);
  }
  dprintf(2, "swarmrun: %s while %s ran on the swarm; what it wrote may be incomplete, run it again\n", why,
          self->command[0]);
  _exit(1);
}
