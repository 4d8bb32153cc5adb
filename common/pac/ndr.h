/* Just enough NDR (C706 chapter 14; MS-RPCE 2.2.6, type serialization version 1) for the buffers of a PAC: a
 * strict little-endian reader that never leaves the bytes it was given. Texts become UTF-8 without control
 * characters. Allocates nothing. Private to this library. */
#ifndef SEVENSTEP_PAC_NDR_H
#define SEVENSTEP_PAC_NDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ndr {
  const uint8_t *start, *p, *end;
};

/* The headers of a serialized type and the pointer to it, which must not be null. */
bool ndr_begin(struct ndr *d, const void *data, size_t n);
/* Bytes that are in no such serialization: little-endian all the same. */
void ndr_plain(struct ndr *d, const void *data, size_t n);

bool ndr_u16(struct ndr *d, uint16_t *ret);
bool ndr_u32(struct ndr *d, uint32_t *ret);
bool ndr_skip(struct ndr *d, size_t n);
/* FILETIME (100 ns since 1601) as seconds since 1970; 0 for those that mean never. */
bool ndr_time(struct ndr *d, int64_t *ret);

/* RPC_UNICODE_STRING's fixed part: the text follows later, if there is one. */
struct ndr_string {
  uint16_t length; /* bytes */
  uint32_t pointer;
};
bool ndr_string_head(struct ndr *d, struct ndr_string *s);
/* The text of a string whose head was read: a conformant varying array of 16-bit units. Cut at size. */
bool ndr_string_text(struct ndr *d, const struct ndr_string *s, char *out, size_t size);

/* A security identifier (MS-DTYP 2.4.2.2) as text: "S-1-5-21-...". */
enum { NDR_SID_MAX = 192 /* as PAC_SID_MAX */ };
bool ndr_sid(struct ndr *d, char out[static NDR_SID_MAX]);
/* The same behind the count that stands before it as a conformant structure. */
bool ndr_counted_sid(struct ndr *d, char out[static NDR_SID_MAX]);

/* UTF-16LE to UTF-8; a lone surrogate becomes U+FFFD, a control character '?'. Cut at size. */
void ndr_convert(const uint8_t *from, size_t units, char *out, size_t size);

#endif
