/* Looking at processes through /proc: who lives, since when, with how much memory. */
#ifndef CL_PROCESS_H
#define CL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Start time of a process in clock ticks since boot: with the pid, its identity. 0 when there is none.
 * Zombies have one. Async-signal-safe. */
int64_t cl_process_start(pid_t pid);
/* How long ago that was, whatever the wall clock has done since; 0 = unknown. */
int64_t cl_process_age_us(int64_t start);

/* Does the process live (zombies do not), and is it the one that started then? */
bool cl_process_lives(pid_t pid, int64_t start);

/* Signal its process group if the leader is still the process that started then (or its zombie). Harmless
 * otherwise. */
void cl_process_signal_group(pid_t pid, int64_t start, int signal);

/* Resident bytes of process groups: adds up all processes of /proc. `groups`: n ids; ret: n sums. Cost: one
 * pass over /proc. */
int cl_process_group_memory(const pid_t *groups, int n, int64_t *ret, struct cl_err *e);

/* Of a process's resident bytes, those of shared memory (RssShmem); 0 when there is no such process. */
int64_t cl_process_shared_bytes(pid_t pid);
/* And those of its own, anonymous memory (RssAnon), also such as it still has in common with its parent. */
int64_t cl_process_own_bytes(pid_t pid);

/* A descriptor that becomes readable when the process ends; -1 when it has ended already. CLADE_EIO, with the
 * remedy, when descriptors have run out. */
int cl_process_watch(pid_t pid, int64_t start, int *ret_fd, struct cl_err *e);

/* This machine's name and boot. */
int cl_process_host(char ret_host[256], char ret_boot[64], struct cl_err *e);

#endif
