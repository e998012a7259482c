/* CLADE_API marks what the shared libraries export; everything else in them is hidden. */
#ifndef CLADE_EXPORT_H
#define CLADE_EXPORT_H

#define CLADE_API __attribute__((visibility("default")))

#endif
