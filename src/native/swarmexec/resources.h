/* The share of the machine that a command may take. */
#ifndef SWARMEXEC_RESOURCES_H
#define SWARMEXEC_RESOURCES_H

/*
 * Sets the limits of this process to those in `text` (see limits.h), as far as this process may. -1, or the index in
 * `limit_names` of the first by which a command would have less than its caller gave it, and could tell.
 */
int resources_limit(const char *text);

#endif
