/* The trainer's end of the connection to a worker: lines out, messages in, over a Unix socket that blocks.
 * Knows where the worker is (CLADE_SOCKET, or the path in CLADE_DIR/socket), nothing of what is said. */
#ifndef CL_TRAINER_LINK_H
#define CL_TRAINER_LINK_H

#include "base/spin.h"
#include "wire/lines.h"
#include "wire/message.h"

struct cl_trainer_link {
  int fd;              /* -1 = not connected */
  const char *socket;  /* CLADE_SOCKET (keeps) */
  char *note;          /* the file that holds a newer path, or null */
  int lock;            /* a descriptor that came with a message (of whoever takes it); -1 */
  struct cl_spin spin; /* for answers */
  struct cl_lines lines;
  struct cl_message_memory memory;
};

/* `socket` keeps; `directory` (CLADE_DIR) may be null. Does not connect. CLADE_ENOMEM. */
int cl_trainer_link_init(struct cl_trainer_link *l, const char *socket, const char *directory,
                         struct cl_err *e);
void cl_trainer_link_done(struct cl_trainer_link *l);
void cl_trainer_link_drop(struct cl_trainer_link *l); /* close the connection, forget what was half read */

/* Connect once, dropping what was. CLADE_ECLOSED: nobody listens (now); CLADE_EINVAL: the path cannot be that
 * of a socket; CLADE_EIO: no descriptor; CLADE_ENOMEM. */
int cl_trainer_link_connect(struct cl_trainer_link *l, struct cl_err *e);

/* Send all bytes; receive one message (valid until the next). The link is dropped on every failure.
 * CLADE_ECLOSED: the worker is gone; CLADE_EPROTOCOL: it sent no message; CLADE_ENOMEM. */
int cl_trainer_link_send(struct cl_trainer_link *l, const char *bytes, size_t n, struct cl_err *e);
int cl_trainer_link_receive(struct cl_trainer_link *l, struct cl_message *ret, struct cl_err *e);

#endif
