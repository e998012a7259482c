/* What the other files of the library may do with a handle; trainer.c owns it. */
#ifndef CL_TRAINER_HANDLE_H
#define CL_TRAINER_HANDLE_H

#include "trainer/trainer.h"

/* From now on reports are not printed outside of a study: the caller does that. */
void cl_trainer_set_quiet(clade_trainer *t);

/* The functions that hand over the state, to be wrapped and put back before close. Borrowed; never null. */
struct clade_trainer_options *cl_trainer_get_options(clade_trainer *t);

/* Run the save function into a directory that is made for it, and sync that. 0; CLADE_EUNSUPPORTED without a
 * save function; CLADE_EIO; CLADE_EINVAL inside of one. */
int cl_trainer_save_into(clade_trainer *t, const char *directory, struct cl_err *e);

/* Is a search at work that looks for the best value (CLADE_SEARCH)? */
bool cl_trainer_is_searched(const clade_trainer *t);

/* Name of the i-th hyperparameter: of those that the study gives, or outside of one, of those that have a
 * default. Null behind the last one. */
const char *cl_trainer_hyperparameter(const clade_trainer *t, size_t i);

/* Where the sentence of an error goes; cl_trainer_fail then keeps the status for clade_trainer_exit_status
 * and returns it. */
struct cl_err *cl_trainer_get_error(clade_trainer *t);
int cl_trainer_fail(clade_trainer *t, int status);

#endif
