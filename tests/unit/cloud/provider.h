/* A little identity provider of the test's own, where the cloud looks for one: it says the same to whoever asks
 * for the same. Its key is that of mint.h. */
#ifndef SEVENSTEP_TEST_PROVIDER_H
#define SEVENSTEP_TEST_PROVIDER_H

#include <stdbool.h>

struct provider {
  char metadata[2048], keys[2048], token[4096]; /* what it says at each endpoint */
  unsigned metadata_asked, keys_asked, token_asked;
  bool holds; /* tokens, until provider_answers() */
};

extern struct provider provider;

/* All as it should be, but that nobody gets a token; a test may change it, also later. */
void provider_prepare(void);
void provider_listen(void);
/* Both, until the cloud has its keys. */
void provider_open(void);
void provider_answers(void);
void provider_close(void);

#endif
