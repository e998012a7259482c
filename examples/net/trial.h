/* One trial: what the example trainers have in common. Read trial.c for how a trainer talks to Clade. */
#ifndef NET_TRIAL_H
#define NET_TRIAL_H

#include "net/images.h"
#include "net/net.h"

struct net_option {
  const char *name, *value, *text; /* name; default; a line for --help */
};

struct net_example {
  const char *summary; /* first line of --help */
  /* Options beside the common ones, or other defaults for those; ended by a null name. */
  const struct net_option *options;
  /* Where the data are when --data is not given. Gives (cl_free); null without memory. */
  char *(*find_data)(void);
  /* Read what is wished for; the test part only if `wish.final`, else net_refuse_test_data. */
  int (*read)(const char *data, struct net_wish wish, struct net_parts *ret, struct cl_err *e);
  /* The network's layers (at most NET_MAX_LAYERS) for the value of --width; returns their number. */
  size_t (*layers)(size_t width, struct net_layer_spec *ret);
};

/* main() of an example: returns the exit status. */
int net_trial_main(int argc, char **argv, const struct net_example *example);

/* The directory of the running program joined with `name`. Gives (cl_free); null without memory. */
char *net_beside_program(const char *name);

#endif
