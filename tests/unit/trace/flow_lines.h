/* The lines of one whole flow, as the actors write them, and of one that was refused at step 3. */
#ifndef TEST_FLOW_LINES_H
#define TEST_FLOW_LINES_H

#include "run_folder.h"

#define FLOW_ID    "4bf92f3577b34da6a3ce929d0e0e4736"
#define REFUSED_ID "4bf9aaaa77b34da6a3ce929d0e0e4736"
#define FLOW_START 1700000000123000000

void flow_write(const struct run_folder *r);
void refused_write(const struct run_folder *r);
/* The same as an array of spans, in the order written (not of time); owned by the caller. */
json_t *flow_spans(void);
json_t *refused_spans(void);

#endif
