/* A small private realm with a real krb5kdc, for tests: made in a folder of its own by the lab's own
 * provisioning, on a free port from 9300 to 9399. Set up once a program (an unchecked fixture), before Check
 * forks. */
#ifndef SEVENSTEP_TEST_KDC_LAB_H
#define SEVENSTEP_TEST_KDC_LAB_H

#include "krb.h"
#include "lab.h"
#include "run.h"

#include <sys/types.h>

#define REALM      "CORP.TEST"
#define UPN_SUFFIX "test"
#define SPN(name)  "HTTP/" name ".corp.test"

struct kdc_lab {
  char run[128];
  struct lab lab; /* alice, bob (plain), carol (disabled), dave (sensitive); see kdc_lab.c */
  pid_t kdc;      /* -1: not running */
};

/* The realm, without a KDC; KRB5_CONFIG and KRB5_KDC_PROFILE point to it. */
void kdc_lab_make(struct kdc_lab *l);
void kdc_lab_provision(struct kdc_lab *l);
/* Starts krb5kdc and waits until it serves. */
void kdc_lab_start(struct kdc_lab *l);
void kdc_lab_stop(struct kdc_lab *l);
void kdc_lab_remove(struct kdc_lab *l); /* stops, and removes the folder */

/* One command of kadmin.local, which must succeed. */
void kdc_lab_admin(const char *command);
/* A free port of ours: nobody serves it by UDP or TCP. */
uint16_t kdc_lab_free_port(void);
/* "RUN/NAME", in one of some static buffers. */
const char *kdc_lab_path(const struct kdc_lab *l, const char *name);

/* The connector's delegator; fails the test when it cannot be had. */
struct krb_delegator *kdc_lab_delegator(const struct kdc_lab *l);
/* A ticket for alice to SPN("hello"). */
struct krb_ticket *kdc_lab_ticket(const struct kdc_lab *l);

#endif
