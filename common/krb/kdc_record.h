/* A record of what is exchanged with KDCs, for Wireshark: each message byte for byte, with the addresses that
 * it went between, as an exported PDU in a pcap file (LINKTYPE_WIRESHARK_UPPER_PDU), so that no port has to
 * be explained. Private to this library.
 *
 * It is kept while the file is there: who wants one makes the file, empty, and takes it away when he has
 * enough. Without a file an exchange costs one failed open(). The messages are encrypted as they were; no key
 * is written. Threads and processes may append to one file at once. A record that cannot be written is lost,
 * and nobody's ticket with it. */
#ifndef SEVENSTEP_KDC_RECORD_H
#define SEVENSTEP_KDC_RECORD_H

#include "buf.h"

#include <sys/socket.h>

enum { KDC_RECORD_MAX = 16 << 20 }; /* bytes of file: then no more is written */

struct kdc_message {
  const void *data; /* without the length that precedes it over TCP */
  size_t n;
  int64_t wall_ns;
  const struct sockaddr_storage *from, *to; /* of one family, else neither is written */
  bool tcp;
};

/* Appends these to the file at path, together. */
void kdc_record(const char *path, const struct kdc_message *messages, size_t n);

/* What stands at the file's beginning, and one message. ERR_TOO_LARGE, ERR_NOMEM. */
enum err kdc_record_begin(struct buf *out) MUST_CHECK;
enum err kdc_record_put(const struct kdc_message *m, struct buf *out) MUST_CHECK;

#endif
