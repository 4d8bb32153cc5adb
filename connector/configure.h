/* The connector's configuration: which applications it serves, and how. The cloud tells it, over the tunnel's
 * control stream, when the tunnel begins and at each change (PUT /.sevenstep/configuration,
 * sevenstep-version: N, the text of lab_write.h). It is checked like a lab file; 204 acknowledges it, 422
 * refuses it with sevenstep-why. Each tunnel holds its own; some earlier versions are kept for requests that
 * began with them. Loop's thread. */
#ifndef SEVENSTEP_CONNECTOR_CONFIGURE_H
#define SEVENSTEP_CONNECTOR_CONFIGURE_H

#include "connector.h"

enum { CONFIGURATIONS_MAX = 4, CONFIGURATION_BYTES_MAX = 1 << 20 };

/* The newest first. */
struct configurations {
  struct configuration {
    unsigned version;
    const struct lab *lab;
  } v[CONFIGURATIONS_MAX];
  size_t n;
};

void configurations_clear(struct configurations *c); /* accepts a zeroed struct */
/* Puts one in front, and takes over the reference. */
void configurations_put(struct configurations *c, unsigned version, const struct lab *lab);
/* This version; else the newest, or NULL when there is none yet. */
const struct lab *configurations_find(const struct configurations *c, unsigned version);

/* A configuration arrives. */
void configure_begin(struct configurations *c, struct link *l, struct tunnel_stream *s,
                     const struct tunnel_head *h);

#endif
