/* Bodies of every kind for whoever tests what lies between: uploads with a digest, downloads of a given size,
 * slow and streaming answers. */
#ifndef SEVENSTEP_BODIES_H
#define SEVENSTEP_BODIES_H

#include "step6_verify.h"

/* GET /download?bytes=N: N bytes, at most 1 TiB, of a known pattern (the alphabet over and over). */
void handle_download(const struct httpd_request *q, struct httpd_response *r);
/* GET /slow?ms=N: a line of text, N milliseconds (at most an hour) later. */
void handle_slow(const struct httpd_request *q, struct httpd_response *r);
/* GET /stream?count=N&ms=M: N server-sent events, M milliseconds apart. */
void handle_stream(const struct httpd_request *q, struct httpd_response *r);

/* PUT or POST /upload: {"bytes":N,"sha256":"<hex>"}; nothing is kept. */
enum {
  UPLOAD_UNSEEN_MAX = 1024 * 1024
}; /* taken from somebody without a ticket, so that the answer can be read */
enum err upload_piece(const struct httpd_request *q, void **state, const uint8_t *data, size_t n);
void upload_answer(const struct httpd_request *q, void *state, struct httpd_response *r);
void upload_free(void *state);

#endif
