/* Stores as a whole. */
#include "clade/store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/server.h"
#include "store/transfer.h"

struct describing {
  int64_t id;
  struct clade_moved *ret;
};

static int take_row(void *ctx, const struct cl_study_row *row) {
  const struct describing *d = ctx;
  if (row->id != d->id) return 0;
  assert(row->name != NULL && row->head.trials <= row->head.position);
  (void)snprintf(d->ret->study, sizeof d->ret->study, "%s", row->name);
  (void)snprintf(d->ret->uuid, sizeof d->ret->uuid, "%s", row->uuid);
  d->ret->trials = row->head.trials;
  d->ret->events = row->head.position;
  return CLADE_STOP;
}

static int describe(struct cl_store *s, int64_t id, struct clade_moved *ret, struct cl_err *e) {
  struct describing d = {id, ret};
  if (ret == NULL) return 0;
  assert(id != 0);
  *ret = (struct clade_moved){0};
  int status = cl_store_studies(s, take_row, &d, e);
  return status < 0 ? status : 0;
}

int clade_study_export(const char *store, const char *study,
                       int (*write)(void *ctx, const char *text, size_t n, struct cl_err *e), void *ctx,
                       struct clade_moved *ret, struct cl_err *e) {
  if (store == NULL || study == NULL || study[0] == '\0' || write == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "name the study to export");
  struct cl_store *s = NULL;
  int64_t id = 0, events = 0;
  CL_TRY(cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_READ, .beside = true}, &s, e));
  int status = cl_store_find(s, study, &id, e);
  if (status >= 0) status = describe(s, id, ret, e);
  if (status >= 0) status = cl_store_export(s, id, write, ctx, &events, e);
  if (status >= 0 && ret != NULL) ret->events = events;
  cl_store_close(s);
  return status;
}

struct source {
  int fd;
  const char *name;
};

static int read_some(void *ctx, char *buffer, size_t n, struct cl_err *e) {
  const struct source *s = ctx;
  ssize_t got;
  do got = read(s->fd, buffer, n);
  while (got < 0 && errno == EINTR);
  if (got < 0) return CL_FAIL_CAUSE(e, CLADE_EIO, errno, "cannot read '%s': %s", s->name, strerror(errno));
  return (int)got;
}

int clade_study_import(const char *store, int fd, const char *name, struct clade_moved *ret,
                       struct cl_err *e) {
  if (store == NULL || fd < 0 || name == NULL)
    return CL_FAIL(e, CLADE_EINVAL, "an import needs a store and a file");
  struct cl_store *s = NULL;
  struct source source = {fd, name};
  int64_t id = 0;
  CL_TRY(cl_store_open(store, &(struct cl_store_options){.mode = CL_STORE_CREATE}, &s, e));
  int status = cl_store_import(s, name, read_some, &source, &id, e);
  if (status >= 0) status = describe(s, id, ret, e);
  cl_store_close(s);
  return status;
}

/* Servers. */

static void fill(const struct cl_server *from, struct clade_server *ret) {
  assert(from->port >= 0 && from->port <= 65535 && (!from->running || from->pid > 0));
  *ret = (struct clade_server){.made = from->made,
                               .running = from->running,
                               .began = from->began,
                               .pid = (int)from->pid,
                               .port = from->port};
  (void)snprintf(ret->user, sizeof ret->user, "%s", from->user);
  (void)snprintf(ret->address, sizeof ret->address, "%s", from->address);
  (void)snprintf(ret->log, sizeof ret->log, "%s", from->log);
}

static int check_dir(const char *dir, const void *ret, struct cl_err *e) {
  if (dir == NULL || dir[0] == '\0') return CL_FAIL(e, CLADE_EINVAL, "name the directory of the server");
  return ret == NULL ? CL_FAIL(e, CLADE_EINVAL, "there is no place for what is said of the server") : 0;
}

int clade_server_start(const char *dir, int port, const char *listen, struct clade_server *ret,
                       struct cl_err *e) {
  struct cl_server server;
  CL_TRY(check_dir(dir, ret, e));
  if (port < 0 || port > 65535)
    return CL_FAIL(e, CLADE_EINVAL, "the port %d is not one: use 1 to 65535, or 0 for a free one", port);
  CL_TRY(
      cl_server_start(&(struct cl_server_options){.dir = dir, .port = port, .listen = listen}, &server, e));
  fill(&server, ret);
  return 0;
}

int clade_server_stop(const char *dir, struct cl_err *e) {
  CL_TRY(check_dir(dir, dir, e));
  return cl_server_stop(dir, false, e);
}

int clade_server_look(const char *dir, struct clade_server *ret, struct cl_err *e) {
  struct cl_server server;
  CL_TRY(check_dir(dir, ret, e));
  CL_TRY(cl_server_look(dir, &server, e));
  fill(&server, ret);
  return 0;
}
