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

int tool_ports(const struct lab *lab, bool free_only)
{
  const struct {
    const char *key;
    const struct lab_addr *addr;
    bool udp;
  } all[] = {{"cloud.listen", &lab->cloud.listen, false},
             {"cloud.tunnel", &lab->cloud.tunnel, false},
             {"idp.listen", &lab->idp.listen, false},
             {"backend.listen", &lab->backend.listen, false},
             {"kdc.listen", &lab->kdc.listen, true},
             {"kdc.admin", &lab->kdc.admin, false},
             {"backend.listen_tls", &lab->backend.listen_tls, false},
             {"partner.listen", &lab->partner.listen, true},
             {"partner.admin", &lab->partner.admin, false}};
  int code = 0;
  bool guest = lab->kdc.played_by == SEAT_GUEST; /* then nobody of ours listens there */
  size_t n = sizeof all / sizeof *all - (lab->partner.realm ? 0 : 2);
  for (size_t i = 0; i < n; i++) {
    if (!all[i].addr->host || (guest && strncmp(all[i].key, "kdc.", 4) == 0)) continue;
    printf("%s %s %u\n", all[i].key, all[i].addr->host, all[i].addr->port);
    if (!free_only) continue;
    if (try_addr(all[i].key, all[i].addr, SOCK_STREAM)) code = EXIT_ADDRESS;
    if (all[i].udp && try_addr(all[i].key, all[i].addr, SOCK_DGRAM)) code = EXIT_ADDRESS;
  }
  return code;
}
