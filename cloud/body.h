/* URLs in bodies (translate_urls_in_body in lab.yaml): which responses are translated, what becomes of their
 * fields, and the bytes' way through decoding, translation and encoding. Nothing is held but a URL under way,
 * and what zlib holds. Bytes in, bytes out. */
#ifndef SEVENSTEP_BODY_H
#define SEVENSTEP_BODY_H

#include "http1.h"
#include "lab.h"

struct body;

/* Inwards: leaves in Accept-Encoding (RFC 9110 12.5.3) what can be decoded here. The request may forbid
 * translation (no-transform, RFC 9111 5.2.1.6); then it stays as it is. */
enum err body_accept(struct fields *request) MUST_CHECK;

/* Outwards. status and f are the response's; f loses or weakens what belongs to the bytes as the application
 * sent them. *ret NULL: the body stays as it is. *ret_why tells in a word or two what is done, for the trace.
 */
enum err body_begin(const struct lab *lab, const struct lab_app *app, const struct http1_head *request,
                    int status, struct fields *f, const char **ret_why, struct body **ret) MUST_CHECK;
/* Append to out what may be sent. Whatever fails, the body cannot be completed. */
enum err body_put(struct body *b, const uint8_t *data, size_t n, struct buf *out,
                  struct failure *f) MUST_CHECK;
enum err body_end(struct body *b, struct buf *out, struct failure *f) MUST_CHECK;
void body_free(struct body *b); /* accepts NULL */

#endif
