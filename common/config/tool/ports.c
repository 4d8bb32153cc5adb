#include "tool.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_ADDRESS = 4 };

/* 0, or errno. SO_REUSEADDR as the actors set it: connections of a lab that just ended do not count as taken.
 */
static int try_bind(const struct addrinfo *a)
{
  int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int one = 1, e = 0;
  if (a->ai_socktype == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || (a->ai_socktype == SOCK_STREAM && listen(fd, 1) < 0))
    e = errno;
  close(fd);
  return e;
}

static int try_addr(const char *key, const struct lab_addr *addr, int socktype)
{
  char port[16];
  snprintf(port, sizeof port, "%u", addr->port);
  struct addrinfo hints = {.ai_socktype = socktype, .ai_flags = AI_PASSIVE}, *list;
  int g = getaddrinfo(addr->host, port, &hints, &list);
  if (g) {
    fprintf(stderr, "%s: %s: %s\n", key, addr->host, gai_strerror(g));
    return EXIT_ADDRESS;
  }
  int e = try_bind(list);
  freeaddrinfo(list);
  if (!e) return 0;
  fprintf(stderr, "%s: %s:%s%s: %s\n", key, addr->host, port, socktype == SOCK_DGRAM ? " (UDP)" : "",
          strerror(e));
  return EXIT_ADDRESS;
}

/* One listener: printed, and with free_only bound to. */
static int report(const char *key, const struct lab_addr *addr, bool udp, bool free_only)
{
  printf("%s %s %u\n", key, addr->host, addr->port);
  if (!free_only) return 0;
  int code = try_addr(key, addr, SOCK_STREAM);
  int udp_code = udp ? try_addr(key, addr, SOCK_DGRAM) : 0;
  return code ? code : udp_code;
}

static int report_kdc(const struct lab_kdc *k, bool free_only)
{
  char listen[32], admin[32];
  snprintf(listen, sizeof listen, "%s.listen", k->name);
  snprintf(admin, sizeof admin, "%s.admin", k->name);
  int code = report(listen, &k->listen, true, free_only);
  int admin_code = report(admin, &k->admin, false, free_only);
  return code ? code : admin_code;
}

int tool_ports(const struct lab *lab, bool free_only)
{
  const struct {
    const char *key;
    const struct lab_addr *addr;
  } all[] = {{"cloud.listen", &lab->cloud.listen},
             {"cloud.tunnel", &lab->cloud.tunnel},
             {"idp.listen", &lab->idp.listen},
             {"backend.listen", &lab->backend.listen},
             {"backend.listen_tls", &lab->backend.listen_tls}};
  int code = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i].addr->host && report(all[i].key, all[i].addr, false, free_only)) code = EXIT_ADDRESS;
  /* Where the KDC is a guest's, nobody of ours listens there. */
  for (unsigned which = 0; which < lab->kdc.replicas && lab->kdc.played_by == SEAT_LAB; which++) {
    struct lab_kdc k = lab_kdc(lab, which);
    if (report_kdc(&k, free_only)) code = EXIT_ADDRESS;
  }
  struct lab_kdc partner = {.name = "partner", .listen = lab->partner.listen, .admin = lab->partner.admin};
  if (lab->partner.realm && report_kdc(&partner, free_only)) code = EXIT_ADDRESS;
  return code;
}
