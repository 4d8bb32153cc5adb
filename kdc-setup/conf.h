/* The two configuration files of MIT Kerberos, made from the lab. */
#ifndef SEVENSTEP_KDC_CONF_H
#define SEVENSTEP_KDC_CONF_H

#include "buf.h"
#include "lab.h"

/* The folder in RUN of this realm's KDC: "kdc" or "partner-kdc". */
const char *conf_kdc_folder(const struct lab *lab);
/* Its configuration file there: kdc.conf, or kdc-2.conf of the realm's second one, ... */
void conf_kdc_path(const struct lab *lab, const char *run, char *out, size_t size);
/* What is in it: the KDC's own. module_dir holds the database module of db2. */
enum err conf_kdc(const struct lab *lab, const char *run, const char *module_dir, struct buf *out) MUST_CHECK;
/* krb5.conf: of both realms, if there are two, and the same on both sides: what connectors, the backend and
 * people (KRB5_CONFIG) use. */
enum err conf_clients(const struct lab *lab, struct buf *out) MUST_CHECK;
/* Replaces path by rename when its contents differ; mode 0600. */
enum err conf_write(const char *path, const struct buf *text, struct failure *f) MUST_CHECK;
/* The folder of sevenstep.so: beside this program (../lib/kdb or ../lib/sevenstep/kdb), or
 * $SEVENSTEP_KDB_DIR. */
enum err conf_module_dir(char out[4096], struct failure *f) MUST_CHECK;

#endif
