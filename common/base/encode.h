/* Encodings: base64url (RFC 4648 section 5, unpadded), base64 (section 4, padded), lower-case hex. Decoders
 * are strict: no white space, no foreign characters, the right padding, and unused bits zero; so every value
 * has one encoding and a changed character is always noticed. */
#ifndef SEVENSTEP_ENCODE_H
#define SEVENSTEP_ENCODE_H

#include "buf.h"

/* Append the encoding of data[0..n) to out. */
enum err base64url_encode(struct buf *out, const void *data, size_t n) MUST_CHECK;
enum err base64_encode(struct buf *out, const void *data, size_t n) MUST_CHECK;
/* Append the decoded bytes; ERR_SYNTAX, with out unchanged, when the text is not exactly an encoding. */
enum err base64url_decode(struct buf *out, const char *text, size_t n) MUST_CHECK;
enum err base64_decode(struct buf *out, const char *text, size_t n) MUST_CHECK;

/* Writes 2n hex digits and a NUL. */
void hex_encode(char *out, const void *data, size_t n);
/* Reads exactly 2n lower-case hex digits. */
enum err hex_decode(void *out, size_t n, const char *text) MUST_CHECK;

/* Append text with & < > " ' as character references: safe in HTML text and quoted attributes. */
enum err html_escape(struct buf *out, const char *text, size_t n) MUST_CHECK;

/* Append text percent-encoded: all but RFC 3986 unreserved characters. */
enum err percent_encode(struct buf *out, const char *text, size_t n) MUST_CHECK;

/* Compares secrets without telling by time where they differ. Lengths are not secret. */
bool constant_time_equal(const void *a, size_t na, const void *b, size_t nb);

#endif
