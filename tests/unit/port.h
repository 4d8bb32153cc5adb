/* A TCP port on 127.0.0.1 for a listener of this program's, and of no other's: tests run side by side, and
 * each one's outgoing connections take ports of the same range. Bound until the program ends by a socket that
 * does not listen; with SO_REUSEADDR on both, that is no obstacle to a listener. */
#ifndef SEVENSTEP_TEST_PORT_H
#define SEVENSTEP_TEST_PORT_H

#include <arpa/inet.h>
#include <check.h>
#include <stdint.h>
#include <sys/socket.h>

static inline uint16_t port_reserve(void)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof sa;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), reuse = 1;
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, len), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
  /* Only now: with it, bind() itself would take a port that another test has reserved. */
  ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse), 0);
  return ntohs(sa.sin_port);
}

#endif
