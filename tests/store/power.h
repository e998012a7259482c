/* A disk whose power can be cut. An SQLite VFS in front of the real one records what is written, cut, synced
 * and removed; afterwards the files are made again as a cut at a given moment would have left them.
 *
 * What was written to a file before its last sync is there. Of what came later, each sector of 512 bytes is
 * there or not, by a rule. A removed file comes back unless something was synced since; the shared memory of
 * the log of SQLite does not outlive a cut, and is not recorded. One recording at a time.
 */
#ifndef CL_TEST_STORE_POWER_H
#define CL_TEST_STORE_POWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on files below `dir` (an absolute path) are recorded, by the watcher of disk.h. */
void power_record(const char *dir);
void power_stop(void);   /* the recording is kept */
void power_forget(void); /* frees the recording */

/* Note that what has been done so far was acknowledged: number `value` of study `study`. */
void power_acknowledge(int64_t study, int64_t value);

size_t power_moments(void);        /* number of the steps recorded */
bool power_is_sync(size_t moment); /* is it one that syncs a file? */
bool power_is_acknowledgement(size_t moment);
size_t power_checkpoint_writes(void); /* how often the database itself was written, its journals apart */

enum power_rule { POWER_NONE, POWER_ALL, POWER_SOME };
/* Write the files into `dir` (existing, empty) as a cut just before step `moment` leaves them; with
 * POWER_SOME `seed` draws the sectors that survive. */
void power_cut(size_t moment, enum power_rule rule, uint64_t seed, const char *dir);

/* What had been acknowledged before step `moment`; 0 = nothing. */
int64_t power_acknowledged(size_t moment, int64_t study);

#endif
