/* net_call: another thread asks the loop's. */
#include "net.h"

#include "run.h"

#include <pthread.h>
#include <stdatomic.h>

struct question {
  struct net *net;
  pthread_t asker, answerer;
  struct net_call *call;
  uv_timer_t later;
  bool answered;
};

static struct question q;

static void set_up(void)
{
  q = (struct question){0};
  ck_assert_int_eq(net_new(&q.net), ERR_OK);
}

static void tear_down(void)
{
  net_free(q.net);
}

static void answer_now(void *arg, struct net_call *call)
{
  struct question *question = *(struct question **)arg;
  question->answerer = pthread_self();
  net_call_end(question->net, call);
  net_stop(question->net);
}

static void end_later(uv_timer_t *timer)
{
  struct question *question = timer->data;
  net_call_end(question->net, question->call);
  uv_close((uv_handle_t *)timer, NULL);
  net_stop(question->net);
}

static void answer_later(void *arg, struct net_call *call)
{
  struct question *question = *(struct question **)arg;
  question->call = call;
  question->later.data = question;
  uv_timer_init(net_loop(question->net), &question->later);
  uv_timer_start(&question->later, end_later, 1, 0);
}

static void never(void *arg, struct net_call *call)
{
  (void)call;
  net_stop((*(struct question **)arg)->net);
}

static void *ask_now(void *arg)
{
  struct question *question = arg;
  question->answered = net_call(question->net, answer_now, &question);
  return NULL;
}

static void *ask_later(void *arg)
{
  struct question *question = arg;
  question->answered = net_call(question->net, answer_later, &question);
  return NULL;
}

static void *ask_in_vain(void *arg)
{
  struct question *question = arg;
  question->answered = net_call(question->net, never, &question);
  return NULL;
}

START_TEST(net_call_runs_on_the_loop_s_thread)
{
  ck_assert_int_eq(pthread_create(&q.asker, NULL, ask_now, &q), 0);
  net_run(q.net);
  pthread_join(q.asker, NULL);
  ck_assert(q.answered);
  ck_assert(pthread_equal(q.answerer, pthread_self()));
}
END_TEST

START_TEST(net_call_waits_for_its_end)
{
  ck_assert_int_eq(pthread_create(&q.asker, NULL, ask_later, &q), 0);
  net_run(q.net);
  pthread_join(q.asker, NULL);
  ck_assert(q.answered);
}
END_TEST

START_TEST(net_call_that_the_loop_does_not_live_to_answer_is_false)
{
  ck_assert_int_eq(pthread_create(&q.asker, NULL, ask_in_vain, &q), 0);
  net_run(q.net);
  net_refuse_calls(q.net);
  pthread_join(q.asker, NULL);
  ck_assert(!q.answered);
}
END_TEST

START_TEST(net_call_behind_the_end_is_false)
{
  net_refuse_calls(q.net);
  struct question *question = &q;
  ck_assert(!net_call(q.net, never, &question));
}
END_TEST

/* What began writes what it found, which the caller is no longer there to read. */
struct slow {
  struct question *question;
  struct net_call *call;
  int found;
};

static void find(uv_timer_t *timer)
{
  struct slow *slow = timer->data;
  uv_close((uv_handle_t *)timer, NULL);
  slow->found = 1;
  net_call_end(slow->question->net, slow->call);
}

static void look(void *arg, struct net_call *call)
{
  struct slow *slow = arg;
  slow->call = call;
  slow->question->later.data = slow;
  uv_timer_init(net_loop(slow->question->net), &slow->question->later);
  uv_timer_start(&slow->question->later, find, 20, 0);
  net_stop(slow->question->net);
}

static void *ask_and_leave(void *arg)
{
  struct slow slow = {.question = arg};
  slow.question->answered = net_call(slow.question->net, look, &slow);
  ck_assert_ptr_nonnull(slow.call); /* as far as it came */
  ck_assert_int_eq(slow.found, 0);
  return NULL;
}

START_TEST(net_call_that_ends_behind_its_caller_writes_nowhere)
{
  ck_assert_int_eq(pthread_create(&q.asker, NULL, ask_and_leave, &q), 0);
  net_run(q.net);
  net_refuse_calls(q.net);
  pthread_join(q.asker, NULL);
  ck_assert(!q.answered);
} /* the loop goes on in tear_down() */
END_TEST

int main(void)
{
  Suite *s = suite_create("net_call");
  TCase *t = tcase_create("net_call");
  tcase_add_checked_fixture(t, set_up, tear_down);
  tcase_add_test(t, net_call_runs_on_the_loop_s_thread);
  tcase_add_test(t, net_call_waits_for_its_end);
  tcase_add_test(t, net_call_that_the_loop_does_not_live_to_answer_is_false);
  tcase_add_test(t, net_call_behind_the_end_is_false);
  tcase_add_test(t, net_call_that_ends_behind_its_caller_writes_nowhere);
  suite_add_tcase(s, t);
  return run(s);
}
