# shellcheck shell=bash
# The workloads of Kerberos alone: how fast tickets come, how fast they are used and verified, what they take (rounds.bash).

# Every process of the chain that is looked at.
chain_pids() {
  case $workload/$chain in
    chain/*) lab_pids ;;
    */sevenstep) lab_pids backend ;;
    */apache) apache_pids "$work/apache" ;;
  esac
}

# by_driver COMMAND...: a program of lib/ that prints its figures; its output into variables.
by_driver() {
  local line
  line=$("$@" 2>"$work/problem") && [[ $line == RESULT\ * ]] || fail "no figures: $workload, $chain: $(tail -n 2 "$work/problem" | tr '\n' ' ')"
  take_result "$line"
}

# delegate ARGUMENT..., negotiate ARGUMENT...: for the lab's connector, users and application.
delegate() { by_driver "$lib/bench-delegate" "${delegation[@]}" "$@"; }
negotiate() { by_driver "$lib/bench-negotiate" "${delegation[@]}" "$@"; }

record_requests() {
  record rps "$(calculate "$requests * 1e6 / $duration_us")"
  record p50_ms "$(calculate "$p50_us / 1000")"
  record p99_ms "$(calculate "$p99_us / 1000")"
  record cpu_us "$(calculate "$1 / $requests")"
}

# -- tickets from the KDC ------------------------------------------------------------------------------------------

work_users() {
  delegate "$chain" "$pairs" "$load"
  record_requests "$cpu_us"
}

# Users whom cloud and connectors have never seen, each with a token of his own, once.
work_chain() {
  "$lib/bench-tokens" "$SEVENSTEP_RUN/idp/keys" "$SEVENSTEP_ISSUER" hello "$spn" sevenstep.test crowd \
    $((1 + (round - 1) * users)) "$users" >"$work/lines" || fail "no figures: there are no tokens"
  send_lines hello.apps.localhost "$cloud_port" "/download?bytes=$tiny_bytes" tls
  record_requests "$cpu"
}

# -- verifying them ------------------------------------------------------------------------------------------------

# send_lines HOST PORT PATH plain|tls [FIELD]: the lines made before; sets cpu, and the driver's figures.
send_lines() {
  measured_cpu by_driver "$lib/bench-send" "$1" "$2" "$3" "$load" "$4" "${@:5}" <"$work/lines"
}

# present: to the application or the yardstick; every answer carries its proof, so every ticket was verified.
present() {
  case $chain in
    sevenstep) send_lines hello.corp.sevenstep.test $((port_base + 6)) "/download?bytes=$tiny_bytes" plain 'WWW-Authenticate: Negotiate ' ;;
    apache) send_lines hello.corp.sevenstep.test "$apache_port" /tiny plain 'WWW-Authenticate: Negotiate ' ;;
  esac
}

# make_lines COUNT TICKETS: authenticators, once a round for all chains; each has a replay cache of its own.
make_lines() {
  [[ $lines_of == "$workload/$round" ]] && return
  "$lib/bench-negotiate" "${delegation[@]}" lines "$1" "$2" >"$work/made" 2>"$work/problem" || fail "no figures: $(tail -n 1 "$work/problem")"
  lines_of=$workload/$round
}
lines_of=''

# verified_by WAY: how many tokens the application has verified, gssapi or known_ticket.
verified_by() {
  curl -sS --unix-socket "$SEVENSTEP_RUN/backend.sock" http://backend/metrics | sed -n "s/^sevenstep_backend_verified_total{by=\"$1\"} //p"
}

# as_expected WAY: presents the lines, every one of which the application must verify in this way.
as_expected() {
  local before
  before=$(verified_by "$1")
  present
  [[ $chain != sevenstep ]] || (($(verified_by "$1") == before + requests)) || fail "no figures: tokens were verified in another way than by $1"
  record_requests "$cpu"
}

# Tickets that were presented before, a fresh authenticator each time.
work_known() {
  make_lines $((tickets + requests_wanted)) "$tickets"
  head -n "$tickets" "$work/made" >"$work/lines"
  present
  tail -n +$((tickets + 1)) "$work/made" >"$work/lines"
  as_expected known_ticket
}

# Every request with a ticket that nobody has presented before.
work_first() {
  make_lines "$firsts" "$firsts"
  cp "$work/made" "$work/lines"
  as_expected gssapi
}

# -- what they cost ------------------------------------------------------------------------------------------------

work_header() {
  negotiate "$chain" "$requests_wanted"
  record us "$(calculate "$p50_ns / 1000")"
  record cpu_us "$(calculate "$cpu_ns / 1000")"
}

work_memory() {
  delegate cache "$load" 16
  record bytes "$bytes_each"
  record ticket_bytes "$ticket_bytes"
}
