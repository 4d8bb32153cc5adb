/* Memory that lives and dies together: everything a loaded lab file points to. Never frees one piece;
 * arena_clear wipes and frees all. Not thread safe while it grows. */
#ifndef SEVENSTEP_ARENA_H
#define SEVENSTEP_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
  struct arena_chunk *chunks;
  size_t used; /* bytes given out */
  size_t max;  /* of them; beyond, arena_alloc returns NULL */
};

void arena_init(struct arena *a, size_t max);
/* Wipes, then frees. Accepts a zeroed struct. */
void arena_clear(struct arena *a);

/* Zeroed memory aligned for any type; NULL when the maximum or the machine's memory is reached. */
void *arena_alloc(struct arena *a, size_t n);
/* n bytes of text and a NUL. */
char *arena_strndup(struct arena *a, const char *text, size_t n);

#endif
