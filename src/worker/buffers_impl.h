/* What the files of the buffers share: buffers.c keeps them, buffers_make.c makes them, buffers_copy.c writes
 * the durable copies, buffers_inherit.c takes over those of dead workers. */
#ifndef CL_BUFFERS_IMPL_H
#define CL_BUFFERS_IMPL_H

#include "worker/buffers.h"
#include "worker/worker_impl.h"

enum cl_buffer_state { CL_BUFFER_SPARE = 0, CL_BUFFER_LENT, CL_BUFFER_KEPT };

struct cl_buffer {
  struct cl_worker *worker;
  char *path;
  int fd; /* of memory without a name, else -1 */
  int64_t bytes;
  enum cl_buffer_state state;
  int readers;
  bool lost; /* somebody else has removed its file */

  /* kept: */
  int64_t snapshot, trial;
  bool newest;  /* of its trial here */
  bool copied;  /* or cannot be */
  bool deleted; /* while somebody was reading it */
};

struct cl_copying;
struct cl_making;

struct cl_buffers {
  struct cl_buffer **items;
  size_t n, capacity;
  char *directory, *note; /* null until there is one */
  int64_t next;           /* number of the next file */
  int64_t bytes;          /* of the last trainer that connected */
  int64_t sum;            /* bytes of all of them */
  bool told, unnamed;     /* the bill was told; there is no directory, and will not be */
  size_t uncopied;        /* kept ones of which a copy is to be written */
  struct cl_copying *copying;
  struct cl_making *making;
  int64_t retry_us; /* no copy before: the last one failed */
  int failures;     /* of copies, one after the other */
  bool look;        /* snapshots may have been lost */
};

void cl_buffers_spare(struct cl_buffer *b);       /* whatever it was: nobody's from here */
void cl_buffers_destroy_one(struct cl_buffer *b); /* its file, too */
bool cl_buffers_may_grow(const struct cl_worker *w, int64_t bytes);
struct cl_buffer *cl_buffers_add(struct cl_worker *w, char *path, int fd, int64_t bytes); /* takes path, fd */
bool cl_buffers_rename(struct cl_buffer *b, const char *name); /* within the worker's directory */

/* buffers_make.c */
bool cl_buffers_make_pages(int fd, int64_t bytes); /* of a new file of shared memory */
struct cl_buffer *cl_buffers_make(struct cl_worker *w,
                                  int64_t bytes);                /* here and now; null: no memory for it */
void cl_buffers_make_behind(struct cl_worker *w, int64_t bytes); /* in a thread */
void cl_buffers_forget_making(struct cl_making *m);
int cl_buffers_directory(struct cl_worker *w); /* make it; -1: there is none */

/* buffers_copy.c */
int cl_buffers_copy_behind(struct cl_worker *w, struct cl_err *e);
void cl_buffers_forget_copying(struct cl_copying *c);

/* buffers_inherit.c */
int cl_buffers_delete_lost(struct cl_worker *w, struct cl_err *e);
/* The name of a kept one's file: "<trial>.<attempt>-<step>…" for "<trial>/checkpoints/<attempt>-<step>…". */
bool cl_buffers_name(const struct cl_snapshot *n, char *ret, size_t size);

#endif
