/* The users' passwords, kept as scrypt hashes (RFC 7914) in one file of the run folder.
 *
 * A hash costs tens of milliseconds, on purpose; so hashes are kept between runs, and missing ones are made
 * by a thread in the background while the provider serves already. Until a user's hash is there the password
 * is compared with the lab file's. A check takes the same time for every user, known or not, hashed or not.
 *
 * When the lab file, or the file with its changes, was changed (by its times, size and place), all hashes are
 * made anew. Thread safe. */
#ifndef SEVENSTEP_PASSWORDS_H
#define SEVENSTEP_PASSWORDS_H

#include "lab.h"

struct passwords;

/* path: the file, made with mode 0600 when hashes are complete. A damaged one is ignored: it is only a cache.
 * lab was loaded with LAB_SECRETS; a reference is kept. A user is known by name, of whichever lab. */
enum err passwords_open(const struct lab *lab, const char *path, struct passwords **ret,
                        struct failure *f) MUST_CHECK;
/* One more reference. */
struct passwords *passwords_ref(struct passwords *p);
/* Gives one back; the last one stops the thread (after the hash it is at) and wipes. Accepts NULL. */
void passwords_free(struct passwords *p);

/* Blocks for one hash. user NULL: nobody of that name; always false. A user without a password cannot sign
 * in. */
bool passwords_check(struct passwords *p, const struct lab_user *user, const char *password);

/* How many users' hashes are still to be made. */
unsigned passwords_pending(struct passwords *p);

#endif
