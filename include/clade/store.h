/* Stores as a whole: moving a study from one to another, and a private PostgreSQL server.
 *
 * All functions return 0 or an error of <clade/error.h> with a sentence in *e (null is allowed).
 */
#ifndef CLADE_STORE_H
#define CLADE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clade/error.h"
#include "clade/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Moving studies. The file holds the study's events as JSON objects, one a line, in order: the first line has
 * its name and uuid. Importing gives every event the position that it had. */

struct clade_moved {
  char study[256], uuid[80];
  int64_t events, trials;
};

/* Hand over a whole study, some lines at a time. `write` borrows the text; a negative status that it returns
 * ends the export and is returned (it may fill *e). The store is not locked meanwhile: what is appended after
 * the call has begun is left out. CLADE_ENOTFOUND (the nearest study is named) and what opening a store can
 * say. */
CLADE_API int clade_study_export(const char *store, const char *study,
                                 int (*write)(void *ctx, const char *text, size_t n, struct cl_err *e),
                                 void *ctx, struct clade_moved *ret, struct cl_err *e);

/* Make a study of such lines, read from the descriptor `fd` (borrowed; called `name` in sentences) to its
 * end. The store is made if absent. It is all or nothing: a study that cannot be read to its end is removed
 * again. CLADE_EEXISTS: a study of that name or uuid is there; CLADE_ECORRUPT and CLADE_ELIMIT name the line.
 */
CLADE_API int clade_study_import(const char *store, int fd, const char *name, struct clade_moved *ret,
                                 struct cl_err *e);

/* A private PostgreSQL server in a directory, for people who have none. It runs as the calling user; for
 * root, as the user `postgres` or `nobody`. */

struct clade_server {
  bool made;           /* there is a server in the directory */
  bool running, began; /* began: by this call */
  int pid, port;
  char user[64];     /* that it runs as */
  char address[400]; /* of its store: what `--store` and CLADE_STORE take; holds its password */
  char log[300];
};

/* Start it, after making it if there is none, and wait until it answers.
 *
 *   port    0: the one it had, else a free one
 *   listen  null: 127.0.0.1; else an address of this host, or "*" for all: other hosts may connect then
 *
 * CLADE_EUNSUPPORTED: PostgreSQL is not installed, or nobody can run it; CLADE_EIO with what it said. */
CLADE_API int clade_server_start(const char *dir, int port, const char *listen, struct clade_server *ret,
                                 struct cl_err *e);
/* Stop it and wait for its end; 0 also when it did not run. CLADE_ENOTFOUND: none is there. */
CLADE_API int clade_server_stop(const char *dir, struct cl_err *e);
/* What is there, and whether it runs; `made` is false where none is. */
CLADE_API int clade_server_look(const char *dir, struct clade_server *ret, struct cl_err *e);

#ifdef __cplusplus
}
#endif
#endif
