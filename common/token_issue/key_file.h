/* One RSA key and its file. Internal to token_issue. */
#ifndef SEVENSTEP_KEY_FILE_H
#define SEVENSTEP_KEY_FILE_H

#include "token_keys.h"

struct key_file {
  char kid[TOKEN_KID_LEN + 1];
  int64_t from_s;
  struct buf pem; /* PKCS #8; wiped on clear */
  struct buf jwk; /* the public key as a JSON object */
};

/* A fresh RSA key of 2048 bit. */
enum err key_file_generate(int64_t from_s, struct key_file *ret, struct failure *f) MUST_CHECK;
/* Writes FROM-KID.pem into the folder: complete or not at all. */
enum err key_file_write(const struct key_file *k, const char *folder, struct failure *f) MUST_CHECK;
/* Is this a name that key_file_write gives? */
bool key_file_name(const char *name);
enum err key_file_read(const char *folder, const char *name, struct key_file *ret,
                       struct failure *f) MUST_CHECK;
void key_file_delete(const struct key_file *k, const char *folder);
void key_file_clear(struct key_file *k);

#endif
