#include "kdc_record.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* pcap's own fields are in this machine's order, which its magic number tells; those of exported PDUs are in
 * network order. Tags: Wireshark's wsutil/exported_pdu_tlvs.h. */
enum { LINKTYPE_WIRESHARK_UPPER_PDU = 252, MESSAGES_MAX = 2 * 65535 + 1024 };
enum {
  TAG_END = 0,
  TAG_TABLE = 14,
  TAG_IPV4_SOURCE = 20,
  TAG_IPV4_DESTINATION = 21,
  TAG_IPV6_SOURCE = 22,
  TAG_IPV6_DESTINATION = 23,
  TAG_PORT_KIND = 24,
  TAG_SOURCE_PORT = 25,
  TAG_DESTINATION_PORT = 26,
  TAG_TABLE_VALUE = 32,
};
enum { PORT_TCP = 2, PORT_UDP = 3, KERBEROS_PORT = 88 };

struct file_header {
  uint32_t magic;
  uint16_t major, minor;
  uint32_t zone, accuracy, longest, link;
};
struct packet_header {
  uint32_t s, ns, kept, length;
};

enum err kdc_record_begin(struct buf *out)
{
  const struct file_header h = {.magic = 0xa1b23c4d, /* times in nanoseconds */
                                .major = 2,
                                .minor = 4,
                                .longest = MESSAGES_MAX,
                                .link = LINKTYPE_WIRESHARK_UPPER_PDU};
  return buf_append(out, &h, sizeof h);
}

static enum err put_tag(struct buf *out, unsigned tag, const void *value, size_t n)
{
  static const uint8_t padding[4];
  const uint16_t head[] = {htons((uint16_t)tag), htons((uint16_t)n)};
  enum err e = buf_append(out, head, sizeof head);
  if (!e) e = buf_append(out, value, n);
  return e ? e : buf_append(out, padding, -n & 3);
}

static enum err put_number(struct buf *out, unsigned tag, uint32_t value)
{
  value = htonl(value);
  return put_tag(out, tag, &value, sizeof value);
}

static enum err put_end(struct buf *out, const struct sockaddr_storage *a, bool source)
{
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
  bool is_v4 = a->ss_family == AF_INET;
  enum err e = is_v4 ? put_tag(out, source ? TAG_IPV4_SOURCE : TAG_IPV4_DESTINATION, &v4->sin_addr,
                               sizeof v4->sin_addr)
                     : put_tag(out, source ? TAG_IPV6_SOURCE : TAG_IPV6_DESTINATION, &v6->sin6_addr,
                               sizeof v6->sin6_addr);
  if (e) return e;
  return put_number(out, source ? TAG_SOURCE_PORT : TAG_DESTINATION_PORT,
                    ntohs(is_v4 ? v4->sin_port : v6->sin6_port));
}

static enum err put_addresses(const struct kdc_message *m, struct buf *out)
{
  sa_family_t family = m->from->ss_family;
  if (family != m->to->ss_family || (family != AF_INET && family != AF_INET6)) return ERR_OK;
  enum err e = put_end(out, m->from, true);
  if (!e) e = put_end(out, m->to, false);
  return e ? e : put_number(out, TAG_PORT_KIND, m->tcp ? PORT_TCP : PORT_UDP);
}

enum err kdc_record_put(const struct kdc_message *m, struct buf *out)
{
  /* Kerberos has no name among the dissectors; it is what reads datagrams of port 88. */
  static const char table[] = "udp.port";
  struct packet_header h = {.s = (uint32_t)(m->wall_ns / 1000000000),
                            .ns = (uint32_t)(m->wall_ns % 1000000000)};
  size_t at = out->len;
  enum err e = buf_append(out, &h, sizeof h);
  if (!e) e = put_tag(out, TAG_TABLE, table, sizeof table - 1);
  if (!e) e = put_number(out, TAG_TABLE_VALUE, KERBEROS_PORT);
  if (!e) e = put_addresses(m, out);
  if (!e) e = put_tag(out, TAG_END, "", 0);
  if (!e) e = buf_append(out, m->data, m->n);
  if (e) {
    out->len = at;
    return e;
  }
  h.kept = h.length = (uint32_t)(out->len - at - sizeof h);
  memcpy(out->data + at, &h, sizeof h);
  return ERR_OK;
}

/* With the file locked, so that its beginning is written once; in one write(), so that nothing is torn. */
static void append(int fd, const struct kdc_message *messages, size_t n)
{
  struct stat st;
  struct buf b;
  buf_init(&b, MESSAGES_MAX);
  enum err e = fstat(fd, &st) == 0 ? ERR_OK : ERR_IO;
  if (!e && st.st_size == 0) e = kdc_record_begin(&b);
  for (size_t i = 0; i < n && !e; i++)
    e = kdc_record_put(&messages[i], &b);
  if (!e && (uint64_t)st.st_size + b.len <= KDC_RECORD_MAX && write(fd, b.data, b.len) != (ssize_t)b.len)
    (void)!ftruncate(fd, st.st_size);
  buf_clear(&b);
}

void kdc_record(const char *path, const struct kdc_message *messages, size_t n)
{
  int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return;
  if (flock(fd, LOCK_EX) == 0) append(fd, messages, n);
  close(fd);
}
