# shellcheck shell=bash
# Measuring: load by wrk, processor time from /proc, medians.

# Where the build puts our own tools.
lib=${SEVENSTEP_BIN:-$top/build/release/bin}/../lib

# Names under .localhost: by the system where it can, else by a preloaded answer.
wrk_preload=''
if ! getent ahosts hello.apps.localhost >/dev/null; then wrk_preload=$lib/bench-resolve.so; fi

# cpu_us PID...: user and system time used so far, in microseconds (/proc/PID/stat; the clock ticks every 10 ms).
cpu_us() {
  local pid stat total=0 fields
  for pid; do
    stat=$(<"/proc/$pid/stat") 2>/dev/null || continue
    read -ra fields <<<"${stat##*) }" # behind the name, which may hold anything; utime and stime are fields 14 and 15
    total=$((total + fields[11] + fields[12]))
  done
  echo $((total * 1000000 / clock_ticks))
}
clock_ticks=$(getconf CLK_TCK)

# rss_kb PID: resident memory, in KiB.
rss_kb() {
  awk '/^VmRSS:/ { print $2 }' "/proc/$1/status" 2>/dev/null
}

# rss_kb_of PID...: of all of them.
rss_kb_of() {
  local pid
  for pid; do rss_kb "$pid"; done | awk '{ n += $1 } END { print n + 0 }'
}

# stall_start WAY N URL HEADER: N clients that do not get on (lib/stall.c), until stall_stop, which sets stall_closed to how many
# were closed meanwhile, and opened again.
stall_start() {
  local at=${3#https://} answer
  at=${at%%/*}
  coproc stalled { exec "$lib/bench-stall" "${at%%:*}" "${at#*:}" "$1" "$2" "$4" 2>"$work/stall.log"; }
  stall_out=${stalled[0]} stall_in=${stalled[1]} stall_pid=$stalled_PID
  read -r answer <&"$stall_out"
  [[ $answer == READY ]] || fail "no figures: $2 clients of the way \"$1\": $(<"$work/stall.log")"
}

stall_stop() {
  exec {stall_in}>&-
  read -r _ stall_closed <&"$stall_out"
  wait "$stall_pid" 2>/dev/null
}

# take_result LINE: the numbers of "RESULT NAME=NUMBER ..." into variables of these names.
take_result() {
  local pair
  for pair in ${1#RESULT }; do printf -v "${pair%%=*}" '%s' "${pair#*=}"; done
}

# descendants PID: it and all its children, theirs included.
descendants() {
  local child
  echo "$1"
  for child in $(pgrep -P "$1"); do descendants "$child"; done
}

# median NUMBER...
median() {
  printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { if (NR) printf "%.10g\n", NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# median_ratio OURS THEIRS: of two lists, the median of what one is to the other round by round, for the figures of one round are
# neighbours in time. Nothing, when one has no figure.
median_ratio() {
  local i ours theirs ratios=()
  read -ra ours <<<"$1"
  read -ra theirs <<<"$2"
  ((${#ours[@]} && ${#ours[@]} == ${#theirs[@]})) || return 0
  for i in "${!ours[@]}"; do ratios+=("$(calculate "${ours[i]} / ${theirs[i]}")"); done
  median "${ratios[@]}"
}

# calculate EXPRESSION: in awk, rounded to 4 decimals.
calculate() {
  awk "BEGIN { printf \"%.10g\\n\", int(($1) * 10000 + 0.5) / 10000 }"
}

# wrk_run URL CONNECTIONS SECONDS [HEADER...]: sets the variables requests, errors (of them, and of connections), duration_us, bytes,
# p50_us, p90_us, p99_us, max_us.
# wrk_body=(METHOD BYTES): what is sent; empty: GET.
# Fails, with the reason in wrk_problem, when anything but 2xx and 3xx came back or a connection failed.
wrk_run() {
  local url=$1 connections=$2 seconds=$3 headers=() header out line
  local connect=0 read=0 write=0 status=0 timeout=0
  shift 3
  for header; do headers+=(-H "$header"); done
  requests=0 errors=0
  [[ -z $wrk_preload || -e $wrk_preload ]] || {
    wrk_problem="wrk cannot resolve *.localhost, and $wrk_preload is not built: run ./sevenstep bench, or install libnss-myhostname"
    return 1
  }
  out=$(LD_PRELOAD=$wrk_preload wrk -t "$((connections > 1 ? 2 : 1))" -c "$connections" -d "${seconds}s" --latency --timeout 10s \
    -s "$bench/lib/report.lua" ${headers[@]+"${headers[@]}"} "$url" -- ${wrk_body[@]+"${wrk_body[@]}"} 2>&1)
  line=$(grep '^RESULT ' <<<"$out") || {
    wrk_problem="wrk said: $(tail -n 3 <<<"$out")"
    return 1
  }
  take_result "$line"
  errors=$((connect + read + write + status + timeout))
  wrk_problem=''
  ((requests > 0)) || wrk_problem='no request was answered'
  ((status == 0)) || wrk_problem="$status answers were errors (of $requests)"
  ((connect + read + write + timeout == 0)) ||
    wrk_problem="connections failed: connect $connect, read $read, write $write, timeout $timeout"
  [[ -z $wrk_problem ]]
}
wrk_body=()
