/* The front as users of HTTP/1.1 meet it. */
#include "run.h"
#include "suites.h"

int main(void)
{
  return run(front_connection_suite(), front_bodies_suite(), front_bearer_suite(), front_losses_suite(),
             front_heads_suite(), front_refused_suite());
}
