/* krb5kdc, or slapd, as a child of ours: started, its log read, ended. It is not started again when it dies:
 * whoever watches us should know. */
#ifndef SEVENSTEP_SUPERVISE_H
#define SEVENSTEP_SUPERVISE_H

#include "klog.h"
#include "lab.h"

#include <sys/types.h>

/* SIGTERM, SIGINT and SIGCHLD, which the supervisor waits for. Call before any thread starts. */
void supervise_block_signals(void);

struct supervised;
/* Starts `krb5kdc -n -r REALM`. Every line of its log is given to each() (see klog.h); KRB5_CONFIG and
 * KRB5_KDC_PROFILE are in the environment. */
enum err supervise_krb5kdc(const struct lab *lab, void (*each)(void *arg, const char *text), void *arg,
                           struct supervised **ret, struct failure *f) MUST_CHECK;
/* Starts slapd on the slapd.conf of the current folder, which is RUN/directory (slapd.h); the lines of its
 * log come without the time. */
enum err supervise_slapd(const char *run, void (*each)(void *arg, const char *text), void *arg,
                         struct supervised **ret, struct failure *f) MUST_CHECK;
/* Waits until it serves. ERR_KDC_START (slapd: ERR_KDC_DIRECTORY) with its own last words, or ERR_PORT_TAKEN;
 * ERR_CLOSED when a signal asked us to end. */
enum err supervise_until_ready(struct supervised *s, struct failure *f) MUST_CHECK;
/* Returns 0 when SIGTERM or SIGINT came, the error above when it died. */
enum err supervise_run(struct supervised *s, struct failure *f) MUST_CHECK;
/* Ends it (SIGTERM, then SIGKILL after 5 s) and frees. Accepts NULL. */
void supervise_stop(struct supervised *s);
struct klog *supervise_log(struct supervised *s);
/* It commenced operation and has not ended. Thread safe. */
bool supervise_is_serving(struct supervised *s);

#endif
