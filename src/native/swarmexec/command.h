/* The start of the command itself. */
#ifndef SWARMEXEC_COMMAND_H
#define SWARMEXEC_COMMAND_H

#include <sys/stat.h>

#include "connection.h"
#include "request.h"
#include "streams.h"

/*
 * Starts the command in a session of its own and queues STARTED; parts from the peer if that fails.
 * `swarmrun`: the wrapper beside us, that a masquerade link leads to; may be NULL.
 */
pid_t command_start(const struct request *request, struct streams *streams, struct connection *peer,
                    const struct stat *swarmrun);

#endif
