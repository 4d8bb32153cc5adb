/* The event loop and its streams: the adapter between libuv and everything sans-I/O. Only this folder's
 * sources and the actors that own handles include libuv's header.
 *
 * One loop, one thread. A stream is a TCP connection, with or without TLS. Writes are collected and sent once
 * a loop turn, so that what many requests have to say in one turn leaves in one record. Nothing here blocks;
 * blocking work goes to workers by net_work().
 *
 * Law of life: a stream lives until its on_close() was called, exactly once, after which the memory is gone
 * when the callback returns. stream_close() may be called any time, also inside callbacks; on_close() comes
 * later from the loop, never from inside another call. */
#ifndef SEVENSTEP_NET_H
#define SEVENSTEP_NET_H

#include "buf.h"
#include "lab.h"
#include "tls.h"

#include <uv.h>

struct net;
enum err net_new(struct net **ret) MUST_CHECK;
uv_loop_t *net_loop(struct net *n);
/* Runs until net_stop(). */
void net_run(struct net *n);
void net_stop(struct net *n);
/* Closes what is left, runs the loop until all close callbacks came, frees. */
void net_free(struct net *n);

/* run() on a worker thread, then done() on the loop. As many run at once as UV_THREADPOOL_SIZE said
 * when the first one began (16 in cloud and connector); jobs queue. */
enum err net_work(struct net *n, void (*run)(void *arg), void (*done)(void *arg), void *arg) MUST_CHECK;

/* From another thread, while the loop runs or before: run(copy, call) on the loop's thread, and waits until
 * net_call_end(call), by run() or by what it began. What is in *copy then, is in *arg. False when the loop
 * ended before, or there is no memory: then *arg is as far as it came, and what began goes on with the copy.
 */
struct net_call;
#define net_call(n, run, arg) net_call_copied(n, run, arg, sizeof *(arg))
bool net_call_copied(struct net *n, void (*run)(void *copy, struct net_call *call), void *arg,
                     size_t size) MUST_CHECK;
/* Loop's thread; once. The copy is gone. */
void net_call_end(struct net *n, struct net_call *call);
/* From now on net_call() is false, for those who wait too: before their threads are waited for. */
void net_refuse_calls(struct net *n);

/* -- streams --------------------------------------------------------------------------------------------- */

struct stream;
struct stream_events {
  /* Connected, and the TLS handshake is done. */
  void (*on_open)(struct stream *s, void *arg);
  /* n > 0 bytes arrived; they are gone when this returns. */
  void (*on_data)(struct stream *s, void *arg, const uint8_t *data, size_t n);
  /* The peer will send no more. The default (NULL) closes the stream. */
  void (*on_eof)(struct stream *s, void *arg);
  /* Asked for by stream_ask_fill(): whoever makes his bytes late appends them to *stream_out(s). Comes from
   * the loop, never from inside another call, and right before what is queued is sent. NULL where nobody
   * asks. */
  void (*on_fill)(struct stream *s, void *arg);
  /* The write queue, once over STREAM_HIGH, fell below STREAM_LOW. May be NULL. */
  void (*on_drain)(struct stream *s, void *arg);
  /* The last call. f->err is ERR_OK when we closed it ourselves. */
  void (*on_close)(struct stream *s, void *arg, const struct failure *f);
};

#define STREAM_HIGH      (256 * 1024)
#define STREAM_LOW       (64 * 1024)
#define STREAM_WRITE_MAX (8 * 1024 * 1024) /* a writer that does not heed STREAM_HIGH is cut off here */

struct listener;
/* Listens on addr; each accepted connection becomes a stream (TLS when tls is given) with these events and
 * the arg that on_accept returns (NULL refuses it). ERR_PORT_TAKEN. handshake_ms bounds the TLS handshake. */
enum err listener_new(struct net *n, const struct lab_addr *addr, struct tls_ctx *tls, unsigned handshake_ms,
                      void *(*on_accept)(void *arg, struct stream *s), void *arg,
                      const struct stream_events *events, struct listener **ret,
                      struct failure *f) MUST_CHECK;
void listener_close(struct listener *l); /* accepts NULL */

/* Dials addr (resolved on a worker when it is a name), within timeout_ms including the TLS handshake.
 * Failures come as on_close(). */
enum err stream_connect(struct net *n, const struct lab_addr *addr, struct tls_ctx *tls,
                        const char *server_name, unsigned timeout_ms, const struct stream_events *events,
                        void *arg, struct stream **ret) MUST_CHECK;

/* Of a stream that is dialled, and not read: how much of what comes waits in the kernel at most, instead of
 * the megabytes that it gives to whoever was fast. */
void stream_limit_unread(struct stream *s, int bytes);

/* Queues bytes. ERR_TOO_LARGE beyond STREAM_WRITE_MAX, ERR_CLOSED once closing. */
enum err stream_write(struct stream *s, const void *data, size_t n) MUST_CHECK;
/* For writers that fill the queue directly: append to *stream_out(s), then stream_flush(s). NULL once
 * closing. */
struct buf *stream_out(struct stream *s);
void stream_flush(struct stream *s);
/* on_fill() once in this turn of the loop, however often it is asked for, or some times where much was read.
 * Not once nothing can be written. */
void stream_ask_fill(struct stream *s);
/* on_fill() now, if it was asked for: before an on_data() takes what could undo what waits for it. */
void stream_fill(struct stream *s);
size_t stream_queued(const struct stream *s);
bool stream_congested(
    const struct stream *s); /* queued more than STREAM_HIGH, and not yet below STREAM_LOW */
/* How many bytes have left so far: whether a slow peer takes any. By TLS some of them, 96 KiB at most, may
 * still be on their way to the kernel. */
uint64_t stream_sent(const struct stream *s);
/* How many bytes, with those of TLS, the peer's kernel has acknowledged so far. ret_all: of all that was
 * written. Of an open stream. */
uint64_t stream_acknowledged(const struct stream *s, bool *ret_all);
/* Open, and nothing has arrived, not even an end, that the events have not told. */
bool stream_quiet(struct stream *s);
/* Stops and resumes reading (back-pressure). */
void stream_pause(struct stream *s, bool pause);
/* What the peer said is read, once reading is resumed, also if it refuses what is written meanwhile, which by
 * default ends a stream whose reading is paused. */
void stream_keep_unread(struct stream *s);
/* Sends what is queued, then ends this direction; reading goes on until the peer ends its own. Nothing more
 * can be written. */
void stream_end(struct stream *s);
/* Sends what is queued, then closes. Resets instead when the peer takes nothing of it for 30 s; waits at most
 * 5 s for the peer's end. Nothing more is read. By TLS the last 96 KiB have 30 s in all. */
void stream_finish(struct stream *s);
/* Closes at once. why may be NULL. */
void stream_close(struct stream *s, const struct failure *why);
/* Resets the TCP connection: the peer sees an error, not an end. */
void stream_abort(struct stream *s);

const char *stream_peer_ip(const struct stream *s); /* numeric, "" before connected */
struct tls *stream_tls(struct stream *s);           /* NULL for plain TCP */

#endif
