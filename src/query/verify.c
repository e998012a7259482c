#include "query/verify.h"

#include "search/searcher.h"

int cl_verify_proposal(struct cl_reader *r, const struct cl_event *ev, struct cl_text *ret,
                       struct cl_err *e) {
  struct cl_log *log = NULL;
  struct cl_err why = {0};
  bool same = false;
  if (ev->kind != CL_EVENT_PROPOSED) {
    cl_text_add(ret, "there is nothing to recompute: the trial was imported\n");
    return 0;
  }
  if (ev->as_of < 1) {
    cl_text_add(ret, "there is nothing to recompute: the decision does not say what it knew\n");
    return 0;
  }
  struct cl_log_options options = {.full = true, .until = ev->as_of};
  CL_TRY(cl_log_open(cl_reader_store(r), cl_reader_id(r), &options, &log, e));
  int status = cl_searcher_verify(cl_log_study(log), ev, &same, ret, &why);
  if (status == CLADE_EUNSUPPORTED) {
    cl_text_format(ret, "there is nothing to recompute: %s\n", why.text);
    status = 0;
  }
  if (status < 0) status = CL_FAIL(e, why.code, "%s", why.text);
  cl_log_close(log);
  return status;
}
