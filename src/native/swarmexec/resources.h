/* The share of the machine that a command may take. */
#ifndef SWARMEXEC_RESOURCES_H
#define SWARMEXEC_RESOURCES_H

/* Sets the limits of this process to those in `text` (see limits.h), as far as this process may. */
void resources_limit(const char *text);

#endif
