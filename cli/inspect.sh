# shellcheck shell=bash
# Looking at a lab: status, env, logs, trace, hosts, check, bench, version.

help_status='Show every actor: its process, whether it can serve, since when it runs.
Of a connector it says, too, whether the cloud sees it: active or inactive; it takes requests when it is active. VERSION is that
of the configuration that the connector has acknowledged; it counts the changes since the cloud'\''s start.
--json prints the same for programs. Exit code 0: all are ready; 1: some are not; 6: the lab is not running.

  ./sevenstep status --json | jq -r '\''.actors[] | select(.state != "ready") | .name'\'''
help_env='Print shell variables for scripts: eval "$(./sevenstep env)".
URLs, CA file, user and password, client id and secret, KRB5_CONFIG, keytabs, ports; those of the running lab, if one runs
in this run folder.'
help_logs='Print the actors'\'' logs, the last 40 lines each; -f follows.
Name actors to see only theirs: ./sevenstep logs -f cloud connector-1. The logs are files in RUN/log/.'
help_trace='List recorded traces, or show one: the seven steps with what was sent, tokens, tickets and times.
ID is the activity id of a page, a log line or the header Sevenstep-Trace (32 hex digits). --json is for programs.
--wire adds what the connector and the KDC said to each other, and the ticket that went to the application: each message decoded,
and decrypted with the lab'\''s keys, session keys and all. docs/trace.md tells what to look for.

  ./sevenstep trace                  the recorded ones
  ./sevenstep trace last             the last one; an ID may be shortened, too
  ./sevenstep trace --wire last      the same with its Kerberos messages'
help_hosts='Print lines for /etc/hosts, for programs that do not resolve *.localhost by themselves.
Browsers and curl do. glibc'\''s resolver does with the package libnss-myhostname. As root:

  ./sevenstep hosts >>/etc/hosts'
help_keytab='Print the file with the key of an application that somebody else'\''s program plays (played_by: guest).
The program needs it to accept tickets; its user must be able to read a copy. docs/seats.md tells how to put a program of
one'\''s own into a seat.

  ./sevenstep keytab web'
help_check='Check the lab file and exit: 0 if it is right, 3 and FILE:LINE:COLUMN if not.
Another one than lab.yaml:

  SEVENSTEP_LAB=other.yaml ./sevenstep check'
help_bench='Measure the whole chain side by side with nginx and HAProxy: requests/s, latency, processor time, bulk, memory.
Each workload goes through all chains in turn, so that the figures of one run can be compared. Needs the packages nginx-light,
haproxy, wrk, apache2-bin and libapache2-mod-auth-gssapi. --kerberos measures what tickets cost instead, side by side with libkrb5,
GSSAPI and Apache. bench/run --help lists the options; bench/README.md tells what is compared with what.

  ./sevenstep bench --only get --connections 64'
help_version='Print the version.'

# actor_state NAME: "ready", "not ready" with the reasons, or "stopped"; sets state and reason.
actor_state() {
  local answer
  state=stopped reason=''
  actor_is_running "$1" || return 0
  state=ready
  answer=$(curl -s -m 3 -o - -w '\n%{http_code}' --unix-socket "$run/$1.sock" http://localhost/readyz 2>/dev/null)
  [[ ${answer##*$'\n'} == 200 ]] && return 0
  state='not ready'
  reason=$(jq -r '[.. | strings] | join("; ")' <<<"${answer%$'\n'*}" 2>/dev/null)
  [[ -n $reason ]] || reason='its admin socket does not answer'
}

# The connectors as the cloud sees them: NAME active|inactive VERSION, that of the configuration it acknowledged. Nothing when the
# cloud does not answer.
connectors_seen() {
  curl -s -m 3 --unix-socket "$run/cloud.sock" http://localhost/configuration 2>/dev/null |
    jq -r '.connectors[] | "\(.name) \(if .connections > 0 then "active" else "inactive" end) \(.version)"' 2>/dev/null
}

# One line an actor: NAME STATE PID SINCE SEEN VERSION REASON, separated by tabs, in the order of start.
status_lines() {
  local name seen version _
  local -A activity=() configuration=()
  while read -r name seen version; do
    activity[$name]=$seen
    ((version == 0)) || configuration[$name]=$version
  done < <(connectors_seen)
  while read -r name _; do
    actor_state "$name"
    actor_id='' actor_since=''
    [[ $state == stopped ]] || actor_read "$name"
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$state" "${actor_id:--}" "${actor_since:--}" "${activity[$name]:--}" \
      "${configuration[$name]:--}" "$reason"
  done < <(ask list actors)
}

command_status() {
  local json=0 lines name state pid since seen version reason total=0 ready=0 stopped=0
  [[ ${1-} != --json ]] || { json=1; shift; }
  no_arguments "$@"
  settings_load
  require_build
  ask check >/dev/null || exit "$EX_CONFIG"
  lines=$(status_lines)
  if ((json)); then
    jq -R -s --arg run "$run" '{run: $run, actors: [split("\n")[] | select(. != "") | split("\t") | {name: .[0], state: .[1],
      pid: (.[2] | tonumber? // null), since: (.[3] | tonumber? // null | if . then todate else null end),
      seen: (.[4] | if . == "-" then null else . end), version: (.[5] | tonumber? // null), reason: .[6]}]}' <<<"$lines"
  else
    printf '%s%-14s %-10s %8s  %-20s %-9s %7s%s\n' "$bold" ACTOR STATE PID SINCE 'TO CLOUD' VERSION "$plain"
  fi
  while IFS=$'\t' read -r name state pid since seen version reason; do
    total=$((total + 1))
    [[ $state != ready ]] || ready=$((ready + 1))
    [[ $state != stopped ]] || stopped=$((stopped + 1))
    ((json)) && continue
    [[ $since == - ]] || printf -v since '%(%F %T)T' "$since"
    printf '%-14s %-10s %8s  %-20s %-9s %7s  %s\n' "$name" "$state" "$pid" "$since" "$seen" "$version" "$reason"
  done <<<"$lines"
  ((ready == total)) && return 0
  ((stopped == total)) && return "$EX_DOWN"
  return "$EX_FAILED"
}

command_env() {
  no_arguments "$@"
  settings_load
  [[ -x $bin/sevenstep-lab ]] || build_programs >&2
  ask env || exit "$EX_CONFIG"
}

logs_known() {
  local file names=()
  for file in "$run"/log/*.log; do [[ ! -e $file ]] || names+=("$(basename "$file" .log)"); done
  printf '%s' "${names[*]-none yet}"
}

command_logs() {
  local follow=() files=() name
  if [[ ${1-} == -f ]]; then
    follow=(-F)
    shift
  fi
  settings_load
  for name; do
    [[ -e $run/log/$name.log ]] || die "$EX_USAGE" "there is no log of \"$name\" in $run/log" "There are: $(logs_known)"
    files+=("$run/log/$name.log")
  done
  if (($# == 0)); then
    for name in "$run"/log/*.log; do [[ ! -e $name ]] || files+=("$name"); done
  fi
  ((${#files[@]})) || die "$EX_DOWN" "there are no logs in $run/log yet" "Start the lab: ./sevenstep up"
  exec tail -n 40 ${follow[@]+"${follow[@]}"} "${files[@]}"
}

# trace_tool ARGUMENTS...: sevenstep-trace on this run folder.
trace_tool() {
  [[ -x $bin/sevenstep-trace ]] || die "$EX_FAILED" "there is no program $bin/sevenstep-trace" "$(how_to_build)"
  "$bin/sevenstep-trace" --run "$run" "$@"
}

# The KDC's keys are put into a file that is gone when we are; without them less can be decrypted, and the view says what.
trace_wire() {
  local options=()
  # Without one there are no traces either, as it says.
  if [[ ! -d $run ]]; then
    trace_tool "$@"
    return
  fi
  load_actors
  wire_keytab=$(umask 077 && mktemp "$run/wire.XXXXXX") || die "$EX_FAILED" "$run cannot be written" "$(how_to_write)"
  trap 'rm -f "$wire_keytab"' EXIT
  if [[ -n ${program_of[kdc]-} ]] && kdc_keys "$wire_keytab" 2>/dev/null; then options=(--keytab "$wire_keytab"); fi
  trace_tool --wire ${options[@]+"${options[@]}"} "$@"
}

command_trace() {
  local options=() ids=() tool=trace_tool argument
  settings_load
  require_build
  for argument; do
    case $argument in
      --json) options+=(--json) ;;
      --wire) tool=trace_wire ;;
      *) ids+=("$argument") ;;
    esac
  done
  ((${#ids[@]} <= 1)) || die "$EX_USAGE" "expected one trace id"
  [[ $tool == trace_tool || ${#ids[@]} == 1 ]] || ids=(last)
  if ((${#ids[@]})); then
    "$tool" ${options[@]+"${options[@]}"} show "${ids[0]}"
  else
    trace_tool ${options[@]+"${options[@]}"} list
  fi
}

command_keytab() {
  local name spn known=()
  (($# == 1)) || die "$EX_USAGE" "expected the name of an application" "See --help."
  settings_load
  require_build
  while read -r name spn; do
    [[ $name == "$1" ]] || continue
    [[ $spn != - ]] || die "$EX_FAILED" "$name has no spn, so there is no key" "Set single_sign_on: kcd and spn (docs/lab.md)."
    [[ -r $run/keytabs/guests/$name.keytab ]] ||
      die "$EX_DOWN" "the KDC has not made the key of $name yet" "Start the lab: $(how_to_call up)"
    say "$run/keytabs/guests/$name.keytab"
    return
  done < <(ask list guests)
  mapfile -t known < <(ask list published | sed 's/ .*//')
  is_one_of "$1" "${known[@]}" || die "$EX_USAGE" "there is no application \"$1\"" "There are: ${known[*]}"
  die "$EX_FAILED" "no application \"$1\" is played by a guest" "Give it the key \"played_by: guest\", or: $(how_to_call "app set $1 played_by=guest connect=HOST:PORT")"
}

command_hosts() {
  local host
  no_arguments "$@"
  settings_load
  require_build
  while read -r host; do
    case $host in
      '*'*) printf '# %s: a line for each name that you use\n' "$host" ;; # a hosts file knows no wildcards
      *) printf '127.0.0.1 %s\n' "$host" ;;
    esac
  done < <(ask list hosts)
}

command_check() {
  no_arguments "$@"
  settings_load
  [[ -x $bin/sevenstep-lab ]] || build_programs
  ask check
}

command_bench() {
  settings_load
  packages_require run bench
  build_programs
  [[ -x $top/bench/run ]] || die "$EX_FAILED" "there is no bench/run in this checkout"
  exec "$top/bench/run" "$@"
}

command_version() {
  no_arguments "$@"
  local version
  version=$(sed -n 's/^project(sevenstep VERSION \([0-9.]*\).*/\1/p' "$top/CMakeLists.txt")
  printf 'Sevenstep %s\n' "$version"
}
