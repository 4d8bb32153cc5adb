#include "acknowledged.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

uint64_t acknowledged_by_peer(int fd, bool *ret_all)
{
  struct tcp_info info = {0};
  socklen_t n = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0) info = (struct tcp_info){0};
  *ret_all = info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0;
  return info.tcpi_bytes_acked;
}
