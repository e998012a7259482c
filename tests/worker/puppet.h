/* A process that a test speaks for: who it is, the worker asks the system, so it must be one. It connects,
 * hands the connection to the test, and waits to be killed; it ends by itself when the test does. */
#ifndef CL_TEST_PUPPET_H
#define CL_TEST_PUPPET_H

#include "world.h"

struct puppet {
  struct client c; /* its connection: client_send and client_hear */
  pid_t pid;
};

void puppet_open(struct world *w, struct puppet *p);
/* It lives, its connection ends; and it connects again. */
void puppet_hang_up(struct puppet *p);
void puppet_kill(struct puppet *p);
/* Says hello with a token of a twin, of a clone or of what is made again. */
void puppet_hello(struct puppet *p, const char *token);
/* A message that comes with a descriptor, which is the caller's; -1 = without one. */
const char *puppet_hear(struct world *w, struct puppet *p, int *ret_fd);

#endif
