/* A private PostgreSQL server in a directory, for people who have none, and for tests.
 *
 * DIR holds everything: data/ (PostgreSQL's own), its log, the socket, and the password of its one user,
 * clade. The server runs as the calling user; for root, to whom PostgreSQL refuses itself, as `postgres` or
 * `nobody`, who then owns DIR. It listens on 127.0.0.1 unless told otherwise, and asks for the password.
 */
#ifndef CL_SERVER_H
#define CL_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct cl_server_options {
  const char *dir;      /* made if absent, with its parents */
  const char *settings; /* more lines for the configuration of one that is made; null: none */
  int port;             /* 0: the one it had, else a free one */
  const char *listen;   /* null: the one it had, else 127.0.0.1; "*" for all */
};

struct cl_server {
  bool made; /* there is a server's data in the directory */
  bool running;
  bool began; /* by this call */
  pid_t pid;
  int port;
  char user[64];     /* that it runs as */
  char address[400]; /* postgresql://clade:…@127.0.0.1:PORT/clade */
  char log[300];     /* its log file */
};

/* Start it, unless it runs already, and wait until it answers. CLADE_EUNSUPPORTED: PostgreSQL is not
 * installed, or there is nobody whom root could run it as (the sentence has the remedy); CLADE_EIO with the
 * last line of what failed. */
int cl_server_start(const struct cl_server_options *options, struct cl_server *ret, struct cl_err *e);
/* `now`: as if its power had been cut; else it ends in order, cutting off those who are connected. Waits for
 * its end. CLADE_ENOTFOUND: none is in the directory. */
int cl_server_stop(const char *dir, bool now, struct cl_err *e);
/* 0 also when there is none (then nothing is made). */
int cl_server_look(const char *dir, struct cl_server *ret, struct cl_err *e);

/* The directory of PostgreSQL's programs: CLADE_POSTGRES_BIN, that of pg_ctl in PATH, Debian's newest. Gives;
 * null if it is not installed. */
char *cl_server_programs(void);

#endif
