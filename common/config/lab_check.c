/* The checks across the whole lab. Each message names the place in the file of the value that is to be
 * corrected. */
#include "lab_check_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* -- places ---------------------------------------------------------------------------------------------- */

const struct yaml_node *lab_find_row(const struct checking *c, const char *table, const char *row)
{
  return yaml_get(yaml_get(c->root, table), row);
}

const struct yaml_node *lab_find(const struct checking *c, const char *table, const char *row,
                                 const char *key)
{
  const struct yaml_node *in = lab_find_row(c, table, row);
  return in && in->kind == YAML_LIST ? in : yaml_get(in, key);
}

struct yaml_place lab_place_of(const struct checking *c, const char *table, const char *row, const char *key)
{
  const struct yaml_node *value = key ? lab_find(c, table, row, key) : NULL;
  const struct yaml_node *in = lab_find_row(c, table, row);
  return value ? value->at : in ? in->key_at : c->root->at;
}

struct yaml_place lab_place_of_item(const struct checking *c, const struct yaml_node *list, size_t n)
{
  const struct yaml_node *node = list ? list->first : NULL;
  while (node && n--)
    node = node->next;
  return node ? node->at : list ? list->at : c->root->at;
}

enum err lab_fail(const struct checking *c, struct yaml_place at, const char *fmt, ...)
{
  char text[320];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return failure_set(c->f, ERR_CONFIG, "%s:%u:%u: %s", at.file, at.line, at.column, text);
}

/* -- people ---------------------------------------------------------------------------------------------- */

static enum err check_realm(const struct checking *c, const char *table, const char *name, const char *realm)
{
  const struct lab *lab = c->lab;
  if (strcmp(realm, lab->realm) == 0 || (lab->partner.realm && strcmp(realm, lab->partner.realm) == 0))
    return ERR_OK;
  return lab_fail(c, lab_place_of(c, table, name, "realm"),
                  "%s.%s.realm: %s is neither the lab's nor the partner's", table, name, realm);
}

static enum err check_users(const struct checking *c)
{
  const struct lab *lab = c->lab;
  for (size_t i = 0; i < lab->n_users; i++) {
    const struct lab_user *a = &lab->users[i];
    enum err e = check_realm(c, "users", a->name, a->realm);
    if (e) return e;
    for (size_t k = 0; k < i; k++) {
      const struct lab_user *b = &lab->users[k];
      if (strcasecmp(a->name, b->name) == 0)
        return lab_fail(c, lab_place_of(c, "users", a->name, NULL),
                        "users: \"%s\" and \"%s\" differ in case only, which directories do not tell apart",
                        b->name, a->name);
      if (a->upn && b->upn && strcasecmp(a->upn, b->upn) == 0)
        return lab_fail(c, lab_place_of(c, "users", a->name, "upn"),
                        "users.%s.upn: %s has the upn %s already", a->name, b->name, a->upn);
    }
  }
  return ERR_OK;
}

static const char *nearest_user(const struct lab *lab, const char *name)
{
  const char *nearest = NULL;
  unsigned best = lab_word_slack(name) + 1;
  for (size_t i = 0; i < lab->n_users; i++) {
    unsigned distance = lab_word_distance(name, lab->users[i].name);
    if (distance < best) best = distance, nearest = lab->users[i].name;
  }
  return nearest;
}

enum err lab_check_known_users(const struct checking *c, const struct lab_strings *names,
                               const struct yaml_node *list, const char *what, const char *owner)
{
  for (size_t i = 0; i < names->n; i++) {
    if (lab_user_by_name(c->lab, names->v[i])) continue;
    const char *near = nearest_user(c->lab, names->v[i]);
    return lab_fail(c, lab_place_of_item(c, list, i), "%s %s: there is no user \"%s\"%s%s%s", what, owner,
                    names->v[i], near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  }
  return ERR_OK;
}

static enum err check_groups(const struct checking *c)
{
  for (size_t i = 0; i < c->lab->n_groups; i++) {
    const struct lab_group *g = &c->lab->groups[i];
    enum err e =
        lab_check_known_users(c, &g->members, lab_find(c, "groups", g->name, "members"), "group", g->name);
    if (e) return e;
  }
  return ERR_OK;
}

/* -- connectors ------------------------------------------------------------------------------------------ */

static bool is_spn(const struct lab *lab, const char *spn)
{
  for (size_t i = 0; i < lab->n_apps; i++)
    if (lab->apps[i].spn && lab_spn_matches(lab->apps[i].spn, spn)) return true;
  return false;
}

/* What an actor keeps in the run folder has its name. */
static bool is_other_actor(const char *name)
{
  static const char *const names[] = {"backend", "cloud", "directory", "idp",
                                      "kdc",     "kdc-2", "kdc-3",     "partner-kdc"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static enum err check_connectors(const struct checking *c)
{
  const struct lab *lab = c->lab;
  for (size_t i = 0; i < lab->n_connectors; i++) {
    const struct lab_connector *a = &lab->connectors[i];
    if (is_other_actor(a->name))
      return lab_fail(c, lab_place_of(c, "connectors", a->name, NULL),
                      "connectors.%s: this name is another actor's", a->name);
    enum err e = check_realm(c, "connectors", a->name, a->realm);
    if (e) return e;
    struct yaml_place at = lab_place_of(c, "connectors", a->name, "principal");
    if (is_spn(lab, a->principal))
      return lab_fail(c, at, "connectors.%s.principal: %s is an application's spn", a->name, a->principal);
    for (size_t k = 0; k < i; k++)
      if (strcmp(a->principal, lab->connectors[k].principal) == 0)
        return lab_fail(c, at, "connectors.%s.principal: %s is the principal of %s already", a->name,
                        a->principal, lab->connectors[k].name);
    const struct yaml_node *list = lab_find(c, "connectors", a->name, "allowed_to_delegate_to");
    for (size_t k = 0; k < a->allowed_to_delegate_to.n; k++)
      if (!is_spn(lab, a->allowed_to_delegate_to.v[k]))
        return lab_fail(c, lab_place_of_item(c, list, k),
                        "connectors.%s.allowed_to_delegate_to: no application has the spn %s", a->name,
                        a->allowed_to_delegate_to.v[k]);
  }
  return ERR_OK;
}

static enum err check_connector_groups(const struct checking *c)
{
  for (size_t i = 0; i < c->lab->n_connector_groups; i++) {
    const char *name = c->lab->connector_groups[i].name;
    bool used = false;
    for (size_t k = 0; k < c->lab->n_connectors && !used; k++)
      used = strcmp(c->lab->connectors[k].group, name) == 0;
    if (!used)
      return lab_fail(c, lab_place_of(c, "connector_groups", name, NULL),
                      "connector_groups.%s: no connector is in this group", name);
  }
  return ERR_OK;
}

static enum err check_certificates(const struct checking *c)
{
  const struct lab *lab = c->lab;
  if (lab->cloud.certificate_renewal_s < lab->cloud.certificate_lifetime_s) return ERR_OK;
  const struct yaml_node *renewal = lab_find_row(c, "cloud", "certificate_renewal"),
                         *lifetime = lab_find_row(c, "cloud", "certificate_lifetime");
  return lab_fail(
      c, renewal ? renewal->at : lifetime->at,
      "cloud.certificate_renewal: %u s is not less than certificate_lifetime, %u s: certificates would end "
      "before they are renewed",
      lab->cloud.certificate_renewal_s, lab->cloud.certificate_lifetime_s);
}

/* -- realms and their KDCs ------------------------------------------------------------------------------- */

/* Two realms must differ in all that tells them apart. */
static enum err check_partner(const struct checking *c)
{
  const struct lab *lab = c->lab;
  const struct yaml_node *row = yaml_get(c->root, "partner");
  if (!lab->partner.realm) return ERR_OK;
  const char *same = strcmp(lab->partner.realm, lab->realm) == 0                       ? "realm"
                     : strcmp(lab->partner.upn_suffix, lab->upn_suffix) == 0           ? "upn_suffix"
                     : strcmp(lab->partner.internal_domain, lab->internal_domain) == 0 ? "internal_domain"
                                                                                       : NULL;
  return same ? lab_fail(c, row->at, "partner.%s: is the lab's own", same) : ERR_OK;
}

/* A guest is reached at an address of its own, and knows nothing of a partner. */
static enum err check_kdc_seat(const struct checking *c)
{
  const struct lab *lab = c->lab;
  const struct yaml_node *kdc = yaml_get(c->root, "kdc");
  if (lab->kdc.played_by == SEAT_LAB) return ERR_OK;
  if (lab->partner.realm)
    return lab_fail(c, yaml_get(c->root, "partner")->at, "partner: not with kdc.played_by: guest");
  if (lab->kdc.replicas > 1)
    return lab_fail(c, yaml_get(kdc, "replicas")->at, "kdc.replicas: a guest brings its own");
  if (!yaml_get(kdc, "connect"))
    return lab_fail(c, yaml_get(kdc, "played_by")->at,
                    "kdc.played_by: a guest needs kdc.connect, where it listens");
  return ERR_OK;
}

/* MIT's kldap is as it is: nothing of ours is there to say who may act, or to lead to another realm. */
static enum err check_database(const struct checking *c)
{
  const struct lab *lab = c->lab;
  const struct yaml_node *kdc = yaml_get(c->root, "kdc");
  if (lab->kdc.database == DATABASE_DB2) return ERR_OK;
  if (lab->kdc.played_by == SEAT_GUEST)
    return lab_fail(c, yaml_get(kdc, "database")->at, "kdc.database: a guest brings its own");
  if (lab->partner.realm)
    return lab_fail(c, yaml_get(c->root, "partner")->at,
                    "partner: not with kdc.database: ldap, in which MIT's KDC cannot delegate across realms");
  for (size_t i = 0; i < lab->n_apps; i++)
    if (lab->apps[i].allowed_to_act.n)
      return lab_fail(
          c, lab_place_of(c, "applications", lab->apps[i].name, "allowed_to_act"),
          "applications.%s.allowed_to_act: not with kdc.database: ldap, in which MIT's KDC knows the "
          "connectors' lists only",
          lab->apps[i].name);
  return ERR_OK;
}

/* -- clients, addresses ---------------------------------------------------------------------------------- */

static enum err check_clients(const struct checking *c)
{
  const struct yaml_node *list = lab_find_row(c, "idp", "clients");
  for (size_t i = 0; i < c->lab->idp.n_clients; i++) {
    const struct lab_client *a = &c->lab->idp.clients[i];
    if (a->redirect_uris.n == 0)
      return lab_fail(c, lab_place_of_item(c, list, i),
                      "idp.clients: %s: redirect_uris: expected at least one", a->id);
    if (strcmp(a->id, c->lab->home.name) == 0)
      return lab_fail(c, lab_place_of_item(c, list, i),
                      "idp.clients: the id %s is the cloud's own (cloud.home_url)", a->id);
    for (size_t k = 0; k < i; k++)
      if (strcmp(a->id, c->lab->idp.clients[k].id) == 0)
        return lab_fail(c, lab_place_of_item(c, list, i), "idp.clients: the id %s is there twice", a->id);
  }
  return ERR_OK;
}

/* The value of section.key, or the file when neither of two colliding defaults is written, which cannot be.
 */
static struct yaml_place written_at(const struct checking *c, const char *section, const char *key)
{
  const struct yaml_node *value = lab_find_row(c, section, key);
  return value ? value->at : c->root->at;
}

static bool same_address(const struct lab_addr *a, const struct lab_addr *b)
{
  return a->host && b->host && a->port == b->port && strcmp(a->host, b->host) == 0;
}

struct listener {
  const char *section, *key;
  struct lab_addr addr;
};

/* The addresses of the realm's further KDCs are written nowhere. */
static enum err check_replicas(const struct checking *c, const struct listener *others, size_t n)
{
  for (unsigned which = 1; which < c->lab->kdc.replicas; which++) {
    struct lab_kdc k = lab_kdc(c->lab, which);
    for (size_t i = 0; i < n; i++)
      if (same_address(&k.listen, &others[i].addr) || same_address(&k.admin, &others[i].addr))
        return lab_fail(c, written_at(c, others[i].section, others[i].key),
                        "%s.%s: %s listens on %s:%u (kdc.replicas)", others[i].section, others[i].key, k.name,
                        others[i].addr.host, others[i].addr.port);
  }
  return ERR_OK;
}

static enum err check_addresses(const struct checking *c)
{
  const struct lab *lab = c->lab;
  const struct listener a[] = {{"idp", "listen", lab->idp.listen},
                               {"cloud", "listen", lab->cloud.listen},
                               {"cloud", "tunnel", lab->cloud.tunnel},
                               {"kdc", "listen", lab->kdc.listen},
                               {"kdc", "admin", lab->kdc.admin},
                               {"backend", "listen", lab->backend.listen},
                               {"backend", "listen_tls", lab->backend.listen_tls}};
  for (size_t i = 0; i < sizeof a / sizeof *a; i++)
    for (size_t k = 0; k < i; k++)
      if (same_address(&a[i].addr, &a[k].addr)) {
        /* Whichever of the two is written in the file is the one to correct. */
        bool written = yaml_get(yaml_get(c->root, a[i].section), a[i].key) != NULL;
        size_t w = written ? i : k, o = written ? k : i;
        return lab_fail(c, written_at(c, a[w].section, a[w].key), "%s.%s: %s.%s listens on %s:%u already",
                        a[w].section, a[w].key, a[o].section, a[o].key, a[i].addr.host, a[i].addr.port);
      }
  return check_replicas(c, a, sizeof a / sizeof *a);
}

static enum err check_home(const struct checking *c)
{
  if (!lab_is_home(c->lab, c->lab->idp.issuer.host, strlen(c->lab->idp.issuer.host))) return ERR_OK;
  return lab_fail(c, written_at(c, "cloud", "home_url"), "cloud.home_url: %s is the identity provider's host",
                  c->lab->idp.issuer.host);
}

/* -- the whole ------------------------------------------------------------------------------------------- */

enum err lab_check(const struct lab *lab, const struct yaml_node *root, struct failure *f)
{
  struct checking c = {lab, root, f};
  enum err e = check_users(&c);
  if (!e) e = check_groups(&c);
  if (!e) e = lab_check_published(&c);
  if (!e) e = lab_check_apps(&c);
  if (!e) e = check_connectors(&c);
  if (!e) e = check_connector_groups(&c);
  if (!e) e = check_certificates(&c);
  if (!e) e = check_partner(&c);
  if (!e) e = check_kdc_seat(&c);
  if (!e) e = check_database(&c);
  if (!e) e = check_clients(&c);
  if (!e) e = check_addresses(&c);
  if (!e) e = check_home(&c);
  return e;
}
