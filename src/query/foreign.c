#include "query/foreign.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define MACHINES "Clade rents no machines; the columns host and worker say where a trial ran"
#define PARENTS \
  "Clade has no parent runs, every row is a trial; the columns of and parent say where a trial comes from"

static const struct {
  const char *name, *sentence;
} foreign[] = {
    {"target", MACHINES},
    {"service_type", MACHINES},
    {"sku", MACHINES},
    {"vm_size", MACHINES},
    {"cluster", MACHINES},
    {"vc", MACHINES},
    {"pool", MACHINES},
    {"docker", "Clade starts a program as it is; the column script names it"},
    {"queue",
     "Clade queues trials in the study itself; the columns waiting and queued tell how many, and how long"},
    {"low_pri", "a trial that was cut off is tried again wherever it runs; the column restarts counts"},
    {"hold", "Clade holds no machines; an engine ends when nothing is left to do"},
    {"child", PARENTS},
    {"outer", PARENTS},
    {"experiment",
     "Clade groups studies by tags: clade tag STUDY experiment=NAME, then the column tags.experiment"},
    {"from_ip", "the column from_host names the machine that created the study"},
    {"xt_build", "the column version names the Clade that created the study, and commit the program's"},
};

const char *cl_foreign_column(const char *name, const char *nearest) {
  assert(name != NULL);
  for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
    if (strcmp(foreign[i].name, name) == 0) return foreign[i].sentence;
  if (nearest == NULL && strncmp(name, "tags.", 5) == 0 && name[5] != '\0')
    return "nothing that is listed has this tag yet; `clade tag` sets one, and --available lists all columns";
  return NULL;
}
