/* The `hyperparameters` of a native file, and XT's files of distributions. */
#ifndef CL_HYPERPARAMETERS_H
#define CL_HYPERPARAMETERS_H

#include "spec/definition.h"

/* A list (`- name: lr` …) or a mapping (`lr: …`) of definitions. Adds to *all; nothing that concerns more
 * than one is checked (cl_definitions_check). */
int cl_hyperparameters_read(const struct cl_reader *r, const struct cl_node *node, struct cl_definitions *all,
                            struct cl_err *e);

/* XT's --hp-config: `hyperparameter-distributions:` or `hparams:` with name: list or expression (origins B1).
 */
int cl_hyperparameters_read_config(const struct cl_reader *r, const struct cl_node *root,
                                   struct cl_definitions *all, struct cl_err *e);

/* The mapping that holds one entry's keys, and its name: for `- name: &lr` it may be the value of `name`.
 * Null, and no name, when the entry has another form. */
const struct cl_node *cl_hyperparameters_body(const struct cl_node *entry, const char **ret_name,
                                              size_t *ret_at);

#endif
