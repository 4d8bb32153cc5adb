/* The front as browsers meet it by HTTP/2. */
#include "run.h"
#include "suites.h"

int main(void)
{
  return run(h2_requests_suite(), h2_ends_suite(), h2_refused_suite(), h2_frames_suite(),
             h2_websocket_suite());
}
