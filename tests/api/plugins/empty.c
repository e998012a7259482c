/* A shared object that is no searcher. */
extern int nothing_of_ours;
int nothing_of_ours = 385;
