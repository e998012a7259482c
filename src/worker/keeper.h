/* The keeper: a small process beside each engine that is the parent of all trainers.
 *
 * Only a parent learns an exit status, and engines may die; so the keeper starts and reaps the trainers,
 * writes each `exit` into the attempt's directory before it tells the engine, outlives the engine, and ends
 * with its last child once the engine is gone. It is started by executing the program itself with "__keeper"
 * as first argument, in a session of its own, so that signals of the terminal do not reach it.
 */
#ifndef CL_KEEPER_H
#define CL_KEEPER_H

#define CL_KEEPER_WORD "__keeper"

/* The keeper's main. An executable that creates workers calls it first thing:
 *
 *   if (argc > 1 && strcmp(argv[1], CL_KEEPER_WORD) == 0) return cl_keeper_main(argc, argv);
 *
 * argv[2] is the number of the inherited socket. Returns the exit status when the engine is gone and the last
 * child has ended; 2 when it was not started by an engine. */
int cl_keeper_main(int argc, char **argv);

#endif
