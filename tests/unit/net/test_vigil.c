/* How long the loop looks before it sleeps. */
#include "net.h"
#include "port.h"
#include "run.h"
#include "vigil.h"

/* Waits of this length from here on, one after the other; how long was looked in the last. */
static int64_t look(struct vigil *v, int times, int64_t wait_ns)
{
  static int64_t now = 1;
  int64_t looked = 0;
  for (; times > 0; times--) {
    int64_t begin = now;
    while (vigil_goes_on(v, now) && now - begin < wait_ns)
      now += 1000;
    looked = now - begin;
    now = begin + wait_ns;
    vigil_end(v, now);
  }
  return looked;
}

START_TEST(vigil_is_learned_from_short_waits)
{
  struct vigil v = {0};
  ck_assert_int_eq(look(&v, 1, 50000), 0);
  ck_assert_int_eq(look(&v, 10, 50000), 50000); /* and nobody slept */
  ck_assert_int_eq(v.limit_ns, VIGIL_MAX_NS);
}
END_TEST

/* Else one disturbance would make the next dozen requests slow, each of which sleeps and disturbs the next.
 */
START_TEST(vigil_is_whole_again_after_one_short_wait)
{
  struct vigil v = {.limit_ns = VIGIL_MAX_NS};
  look(&v, 3, 1000000);
  look(&v, 1, 50000);
  ck_assert_int_eq(v.limit_ns, VIGIL_MAX_NS);
}
END_TEST

START_TEST(vigil_that_is_in_vain_becomes_none)
{
  struct vigil v = {.limit_ns = VIGIL_MAX_NS};
  ck_assert_int_eq(look(&v, 1, 1000000), VIGIL_MAX_NS);
  ck_assert_int_eq(look(&v, 1, 1000000), VIGIL_MAX_NS / 2);
  ck_assert_int_eq(look(&v, 10, 1000000), 0);
  ck_assert_int_eq(v.limit_ns, 0);
}
END_TEST

START_TEST(vigil_outlasts_a_long_wait_now_and_then)
{
  struct vigil v = {0};
  for (int i = 0; i < 20; i++) {
    look(&v, 4, 20000);
    look(&v, 1, 1000000);
  }
  ck_assert_int_ge(v.limit_ns, VIGIL_MAX_NS / 2);
}
END_TEST

/* A client that sends a byte a millisecond keeps nobody awake. */
START_TEST(vigil_costs_what_comes_rarely_nothing)
{
  struct vigil v = {0};
  int64_t looked = 0;
  for (int i = 0; i < 1000; i++)
    looked += look(&v, 1, 1000000);
  ck_assert_int_eq(looked, 0);
}
END_TEST

static void came(struct stream *s, void *arg, const uint8_t *data, size_t n)
{
  (void)arg;
  ck_assert_int_eq(stream_write(s, data, n), ERR_OK); /* and comes again, for ever */
}

static void gone(struct stream *s, void *arg, const struct failure *f)
{
  (void)s;
  (void)arg;
  (void)f;
}

static void opened(struct stream *s, void *arg)
{
  *(struct stream **)arg = s;
}

static void *accepted(void *arg, struct stream *s)
{
  (void)s;
  return arg;
}

static void stop(uv_timer_t *timer)
{
  net_stop(timer->data);
}

static int turns;

static void count_turn(uv_prepare_t *handle)
{
  (void)handle;
  turns++;
}

static void run_for(struct net *n, uv_timer_t *timer, uint64_t ms)
{
  uv_timer_start(timer, stop, ms, 0);
  net_run(n);
}

/* Two ends that throw a byte to each other, which makes vigils long, until one of them keeps it. */
START_TEST(loop_that_has_nothing_to_do_sleeps)
{
  static const struct stream_events throws = {.on_open = opened, .on_data = came, .on_close = gone};
  struct net *n;
  struct listener *l;
  struct stream *s, *thrower = NULL, *catcher = NULL;
  struct failure f;
  uv_timer_t timer;
  uv_prepare_t counter;
  struct lab_addr at = {.host = "127.0.0.1", .port = port_reserve()};
  ck_assert_int_eq(net_new(&n), ERR_OK);
  uv_timer_init(net_loop(n), &timer);
  timer.data = n;
  uv_prepare_init(net_loop(n), &counter);
  uv_prepare_start(&counter, count_turn);
  ck_assert_int_eq(listener_new(n, &at, NULL, 0, accepted, &catcher, &throws, &l, &f), ERR_OK);
  ck_assert_int_eq(stream_connect(n, &at, NULL, NULL, 5000, &throws, &thrower, &s), ERR_OK);
  while (!thrower || !catcher)
    uv_run(net_loop(n), UV_RUN_ONCE);
  ck_assert_int_eq(stream_write(thrower, "x", 1), ERR_OK);
  run_for(n, &timer, 100);
  stream_pause(catcher, true);
  ck_assert_int_gt(turns, 100);
  run_for(n, &timer, 10); /* the last byte, and the last vigil */
  turns = 0;
  run_for(n, &timer, 300);
  ck_assert_int_lt(turns, 10); /* awake, it would turn some hundreds of thousands of times */
  uv_close((uv_handle_t *)&timer, NULL);
  uv_close((uv_handle_t *)&counter, NULL);
  net_free(n);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("vigil");
  TCase *c = tcase_create("vigil");
  tcase_add_test(c, vigil_is_learned_from_short_waits);
  tcase_add_test(c, vigil_is_whole_again_after_one_short_wait);
  tcase_add_test(c, vigil_that_is_in_vain_becomes_none);
  tcase_add_test(c, vigil_outlasts_a_long_wait_now_and_then);
  tcase_add_test(c, vigil_costs_what_comes_rarely_nothing);
  tcase_add_test(c, loop_that_has_nothing_to_do_sleeps);
  suite_add_tcase(s, c);
  return run(s);
}
