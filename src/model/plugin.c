#include "model/plugin.h"

#include <assert.h>
#include <string.h>

#include "base/file.h"

bool cl_plugin_is_path(const char *method) {
  return method != NULL && strchr(method, '/') != NULL;
}

char *cl_plugin_path(const struct cl_settings *settings, const char *method) {
  return cl_path_join(settings->cwd == NULL ? "." : settings->cwd, method);
}

static enum clade_plugin_kind kind_of(const struct cl_hyperparameter *h) {
  if (h->drawn) return CLADE_PLUGIN_DRAWN;
  switch (h->domain) {
  case CL_FLOAT: return CLADE_PLUGIN_FLOAT;
  case CL_INTEGER: return CLADE_PLUGIN_INT;
  case CL_ORDERED: return CLADE_PLUGIN_ORDERED;
  case CL_UNORDERED: return CLADE_PLUGIN_UNORDERED;
  case CL_CONSTANT: break;
  }
  return CLADE_PLUGIN_CONSTANT;
}

struct clade_plugin_parameter cl_plugin_parameter(const struct cl_space *space, int i) {
  if (i < 0 || i >= space->n) return (struct clade_plugin_parameter){.name = "", .parent = -1};
  const struct cl_hyperparameter *h = &space->items[i];
  bool number = h->domain == CL_FLOAT || h->domain == CL_INTEGER;
  assert(h->parent < i && cl_space_levels(h) >= 0);
  return (struct clade_plugin_parameter){.name = h->name,
                                         .kind = kind_of(h),
                                         .lo = number ? h->lo : 0,
                                         .hi = number ? h->hi : 0,
                                         .levels = cl_space_levels(h),
                                         .parent = h->parent};
}

struct clade_value cl_plugin_value(struct cl_value v) {
  switch (v.kind) {
  case CL_NULL: return (struct clade_value){.kind = CLADE_NULL};
  case CL_BOOL: return (struct clade_value){.kind = CLADE_BOOL, .as.truth = v.as.truth};
  case CL_INT: return (struct clade_value){.kind = CLADE_INT, .as.integer = v.as.integer};
  case CL_REAL: return (struct clade_value){.kind = CLADE_REAL, .as.real = v.as.real};
  case CL_TEXT: return (struct clade_value){.kind = CLADE_TEXT, .as.text = v.as.text};
  case CL_ABSENT: break;
  }
  return (struct clade_value){.kind = CLADE_ABSENT};
}

struct cl_value cl_plugin_inner_value(struct clade_value v) {
  switch (v.kind) {
  case CLADE_NULL: return (struct cl_value){.kind = CL_NULL};
  case CLADE_BOOL: return cl_value_bool(v.as.truth);
  case CLADE_INT: return cl_value_int(v.as.integer);
  case CLADE_REAL: return cl_value_real(v.as.real);
  case CLADE_TEXT: return v.as.text == NULL ? (struct cl_value){0} : cl_value_text(v.as.text);
  case CLADE_ABSENT: break;
  }
  return (struct cl_value){0};
}

bool cl_plugin_may_set(const struct cl_hyperparameter *h) {
  return !h->drawn && h->domain != CL_CONSTANT;
}

int cl_plugin_take(const struct cl_hyperparameter *h, struct cl_value given, struct cl_value *ret,
                   struct cl_err *e) {
  assert(cl_plugin_may_set(h));
  CL_TRY(cl_space_convert(h, given, ret, e));
  assert(cl_space_allows(h, *ret)); /* a text is the list's own: it outlives the call */
  return 0;
}

bool cl_plugin_is_name(const char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return name != NULL && name[0] != '\0' && strlen(name) <= 40 && name[strspn(name, letters)] == '\0';
}

bool cl_plugin_note(struct cl_text *args, const char *separator, const char *name, double x) {
  if (!cl_plugin_is_name(name)) return false;
  cl_text_format(args, "%s\"%s\": ", separator, name);
  cl_text_add_json_number(args, x);
  return true;
}

int cl_plugin_blame(const char *who, const char *method, int status, char *error, const char *what,
                    struct cl_err *e) {
  assert(status != 0 && error != NULL && method != NULL);
  error[CLADE_PLUGIN_ERROR - 1] = '\0';
  bool usable = error[0] != '\0' && cl_text_is_utf8(error, strlen(error));
  return CL_FAIL(e, status < 0 ? status : CLADE_EINVAL, "%s %.200s failed %s: %s", who, method, what,
                 usable ? error : clade_error_text(status));
}
