/* The front as users of HTTP/1.1 meet it. */
#include "../token/mint.h"
#include "run.h"
#include "suites.h"

int main(void)
{
  mint_init();
  int failed = run(front_connection_suite(), front_bodies_suite(), front_bearer_suite(), front_losses_suite(),
                   front_heads_suite(), front_oidc_suite(), front_refused_suite(), front_sessions_suite());
  mint_free();
  return failed;
}
