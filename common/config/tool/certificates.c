/* The names that the lab's certificates need. The proxy's certificate also covers the other names below the
 * applications' domains, so that an unpublished name gets the proxy's own error page and no certificate
 * warning. */
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *parent_domain(const char *host)
{
  const char *dot = strchr(host, '.');
  return dot && strchr(dot + 1, '.') ? dot + 1 : NULL;
}

static void add(const char **list, size_t *n, const char *host)
{
  for (size_t i = 0; i < *n; i++)
    if (strcmp(list[i], host) == 0) return;
  list[(*n)++] = host;
}

const char **tool_external_hosts(const struct lab *lab, size_t *ret_n)
{
  const char **list = calloc(lab->n_published + 1, sizeof *list);
  size_t n = 0;
  for (size_t i = 0; list && i < lab->n_published; i++)
    add(list, &n, lab->published[i].external_url.host);
  if (list) add(list, &n, lab->home.external_url.host);
  *ret_n = n;
  return list;
}

static bool parent_before(const char **hosts, size_t index, const char *parent)
{
  for (size_t i = 0; i < index; i++) {
    const char *other = parent_domain(hosts[i]);
    if (other && strcmp(other, parent) == 0) return true;
  }
  return false;
}

/* The backend plays all applications but guests', so one certificate has all hosts that are reached with TLS.
 */
static void print_backend(const struct lab *lab)
{
  for (size_t i = 0; i < lab->n_apps; i++) {
    const struct lab_url *url = &lab->apps[i].internal_url;
    if (strcmp(url->scheme, "https") == 0 && lab->apps[i].played_by == SEAT_LAB)
      printf("--backend\n%s\n", url->host);
  }
}

int tool_certificates(const struct lab *lab)
{
  size_t n;
  const char **hosts = tool_external_hosts(lab, &n);
  if (!hosts) return 1;
  printf("--idp\n%s\n--tunnel\n%s\n", lab->idp.issuer.host, lab->cloud.tunnel_name);
  for (size_t i = 0; i < n; i++) {
    const char *parent = parent_domain(hosts[i]);
    if (!parent)
      printf("--cloud\n%s\n", hosts[i]);
    else if (!parent_before(hosts, i, parent))
      printf("--cloud\n*.%s\n--cloud\n%s\n", parent, parent);
  }
  if (lab->backend.listen_tls.host) print_backend(lab);
  free(hosts);
  return 0;
}
