#define _GNU_SOURCE
#include "signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "descriptors.h"
#include "ending.h"
#include "peer.h"

enum { INSISTENCE = 3 }; /* so many unanswered requests to end, and we end without the peer */

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};

void signals_watch(struct signal_watch *signals) {
  sigset_t taken;
  sigemptyset(&taken);
  for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
    struct sigaction action;
    if (sigismember(&signals->found, passed_on[i]) || sigaction(passed_on[i], NULL, &action) != 0) continue;
    if (action.sa_handler != SIG_IGN) sigaddset(&taken, passed_on[i]);
  }
  sigprocmask(SIG_BLOCK, &taken, NULL);
  signals->fd = to_high(signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (signals->fd < 0) sigprocmask(SIG_SETMASK, &signals->found, NULL);
}

/* Stops as the terminal's ctrl-z asks; comes back when continued. */
static void stop_here(void) {
  sigset_t only, before;
  sigemptyset(&only);
  sigaddset(&only, SIGTSTP);
  kill(getpid(), SIGTSTP);
  sigprocmask(SIG_UNBLOCK, &only, &before);
  sigprocmask(SIG_SETMASK, &before, NULL);
}

/*
 * Whether the command's whole group is meant, as here the group of the wrapper. Who sends is seen: a terminal is the
 * kernel. INT, TSTP and CONT are what shells send in the place of one.
 */
static int is_for_group(const struct signalfd_siginfo *info) {
  int number = (int)info->ssi_signo;
  return info->ssi_code == SI_KERNEL || number == SIGINT || number == SIGTSTP || number == SIGCONT;
}

void signals_pass_on(struct signal_watch *signals, int peer) {
  struct signalfd_siginfo info;
  while (read(signals->fd, &info, sizeof info) == sizeof info) {
    unsigned char number = (unsigned char)info.ssi_signo;
    if (number != SIGTSTP && number != SIGCONT) signals->deadly = number;
    /* The peer may be frozen; our end cancels the job. */
    if ((number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT) &&
        ++signals->requests_to_end >= INSISTENCE)
      die_of(number);
    const unsigned char payload[] = {number, is_for_group(&info)};
    send_frame(peer, FRAME_SIGNAL, payload, sizeof payload);
    if (number == SIGTSTP) stop_here();
  }
}
