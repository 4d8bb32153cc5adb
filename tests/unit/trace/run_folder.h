/* A run folder of one test, and what the tracer wrote into it. */
#ifndef TEST_RUN_FOLDER_H
#define TEST_RUN_FOLDER_H

#include <jansson.h>
#include <stddef.h>

struct run_folder {
  char path[64];
};

void run_folder_make(struct run_folder *r);
void run_folder_remove(struct run_folder *r);
/* The lines of RUN/trace/NAME as a JSON array; a line that is not JSON fails the test. Absent file: an empty
 * array. */
json_t *run_folder_lines(const struct run_folder *r, const char *name);
/* Appends text to RUN/trace/NAME; makes the folder. */
void run_folder_append(const struct run_folder *r, const char *name, const char *text);
/* Bytes in RUN/trace/NAME, -1 when absent. */
long run_folder_size(const struct run_folder *r, const char *name);

#endif
