/* The PostgreSQL store: opening, closing, and the table of what it provides. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "store/postgres_impl.h"

static int check_address(struct cl_postgres *s, struct cl_err *e) {
  char *why = NULL;
  PQconninfoOption *options = s->pq.PQconninfoParse(s->address, &why);
  if (options != NULL) {
    s->pq.PQconninfoFree(options);
    return 0;
  }
  /* libpq quotes the part that it does not understand, which may be the password */
  bool tells = why == NULL || strcmp(s->address, s->shown) == 0;
  char text[300];
  (void)snprintf(text, sizeof text, "%s", why == NULL ? "out of memory" : tells ? why : "it cannot be read");
  text[strcspn(text, "\n")] = '\0';
  s->pq.PQfreemem(why);
  return CL_FAIL(e, CLADE_EINVAL,
                 "%s is no address of a store: %s; it looks like postgresql://USER@HOST:PORT/DATABASE",
                 s->shown, text);
}

static void postgres_close(void *state) {
  struct cl_postgres *s = state;
  assert(!s->writing);
  if (s->pq.handle != NULL) {
    for (size_t i = 0; i < s->n_results; i++) s->pq.PQclear(s->results[i]);
    if (s->conn != NULL) s->pq.PQfinish(s->conn);
  }
  cl_postgres_forget(s);
  cl_postgres_end_watch(s);
  cl_text_done(&s->arrays);
  cl_text_done(&s->scratch);
  cl_free(s->sent);
  cl_free(s->results);
  cl_free(s->params);
  cl_free(s->heads);
  cl_free(s->hints);
  cl_free(s->later);
  cl_free(s->shown);
  cl_free(s->address);
}

enum { TRIES = 20 };

static int postgres_open(void *state, const char *path, const struct cl_store_options *options,
                         struct cl_err *e) {
  struct cl_postgres *s = state;
  s->options = *options;
  s->watch_fd = s->wake_fd = -1;
  cl_lay_out(s->layouts);
  s->address = cl_copy_text(path);
  s->shown = cl_store_show(path);
  int status = s->address == NULL || s->shown == NULL ? CL_FAIL_NOMEM(e) : cl_libpq_load(&s->pq, e);
  if (status == 0) status = check_address(s, e);
  if (status == 0) status = cl_postgres_connect(s, false, e);
  if (status == 0) status = cl_postgres_open_schema(s, e);
  for (int i = 0; i < TRIES && status == CLADE_ECLOSED; i++) { /* lost while it was looked at */
    status = s->conn == NULL ? cl_postgres_connect(s, true, e) : 0;
    if (status == 0) status = cl_postgres_open_schema(s, e);
  }
  if (status < 0) postgres_close(s);
  return status == CLADE_ECLOSED ? CLADE_EIO : status;
}

const struct cl_store_ops cl_store_postgres = {
    .abi = sizeof(struct cl_store_ops),
    .name = "postgresql",
    .summary = "a PostgreSQL server, for any number of hosts",
    .state_size = sizeof(struct cl_postgres),
    .heads_kept = 65536,
    .open = postgres_open,
    .close = postgres_close,
    .studies = cl_postgres_studies,
    .head = cl_postgres_head,
    .trial_head = cl_postgres_trial_head,
    .metrics = cl_postgres_metrics,
    .heads = cl_postgres_heads,
    .pins = cl_postgres_pins,
    .hint = cl_postgres_hint,
    .begin = cl_postgres_begin,
    .confirm = cl_postgres_confirm,
    .add_study = cl_postgres_add_study,
    .name_metric = cl_postgres_name_metric,
    .add = cl_postgres_add,
    .commit = cl_postgres_commit,
    .rollback = cl_postgres_rollback,
    .find = cl_postgres_find,
    .count_reports = cl_postgres_count_reports,
    .read = cl_postgres_read,
    .read_reports = cl_postgres_read_reports,
    .lease = cl_postgres_lease,
    .queue = cl_postgres_queue,
    .leave = cl_postgres_leave,
    .remove = cl_postgres_remove,
    .watch = cl_postgres_watch,
    .drain = cl_postgres_drain,
    .mend = cl_postgres_mend,
};
