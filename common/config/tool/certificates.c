/* The names that the lab's certificates need. The proxy's certificate also covers the other names below the
 * applications' domain, so that an unpublished name gets the proxy's own error page and no certificate
 * warning. */
#include "tool.h"

#include <stdio.h>
#include <string.h>

static const char *parent_domain(const char *host)
{
  const char *dot = strchr(host, '.');
  return dot && strchr(dot + 1, '.') ? dot + 1 : NULL;
}

static bool parent_before(const struct lab *lab, size_t index, const char *parent)
{
  for (size_t i = 0; i < index; i++) {
    const char *other = parent_domain(lab->apps[i].external_url.host);
    if (other && strcmp(other, parent) == 0) return true;
  }
  return false;
}

int tool_certificates(const struct lab *lab)
{
  printf("--idp\n%s\n--tunnel\n%s\n", lab->idp.issuer.host, lab->cloud.tunnel_name);
  for (size_t i = 0; i < lab->n_apps; i++) {
    const char *host = lab->apps[i].external_url.host, *parent = parent_domain(host);
    if (!parent)
      printf("--cloud\n%s\n", host);
    else if (!parent_before(lab, i, parent))
      printf("--cloud\n*.%s\n--cloud\n%s\n", parent, parent);
  }
  for (size_t i = 0; i < lab->n_connectors; i++)
    printf("--connector\n%s\n", lab->connectors[i].name);
  return 0;
}
