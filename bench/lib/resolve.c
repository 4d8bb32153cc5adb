/* Preloaded into wrk: names under .localhost are 127.0.0.1 (RFC 6761 section 6.3), as browsers and curl have
 * it. */
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
  static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
  static const char end[] = ".localhost";
  size_t n = node ? strlen(node) : 0, k = sizeof end - 1;
  if (!next) {
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&next, &found, sizeof next);
  }
  if (n > k && strcasecmp(node + n - k, end) == 0) node = "127.0.0.1";
  return next(node, service, hints, ret);
}
