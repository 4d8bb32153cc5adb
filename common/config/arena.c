#include "arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 16 * 1024 };

struct arena_chunk {
  struct arena_chunk *next;
  size_t cap, len;
  alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t max)
{
  *a = (struct arena){.max = max};
}

void arena_clear(struct arena *a)
{
  while (a->chunks) {
    struct arena_chunk *c = a->chunks;
    a->chunks = c->next;
    explicit_bzero(c->data, c->len);
    free(c);
  }
  a->used = 0;
}

static struct arena_chunk *chunk_for(struct arena *a, size_t n)
{
  if (a->chunks && a->chunks->cap - a->chunks->len >= n) return a->chunks;
  size_t cap = n > CHUNK ? n : CHUNK;
  struct arena_chunk *c = calloc(1, sizeof *c + cap);
  if (!c) return NULL;
  c->cap = cap;
  c->next = a->chunks;
  a->chunks = c;
  return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
  if (n == 0) n = 1;
  if (n > a->max - a->used) return NULL;
  n = (n + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
  struct arena_chunk *c = chunk_for(a, n);
  if (!c) return NULL;
  void *at = c->data + c->len;
  c->len += n;
  a->used = n > a->max - a->used ? a->max : a->used + n;
  return at;
}

char *arena_strndup(struct arena *a, const char *text, size_t n)
{
  char *s = arena_alloc(a, n + 1);
  if (s && n) memcpy(s, text, n);
  return s;
}
