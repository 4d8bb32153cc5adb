# shellcheck shell=bash
# What we aim at, and whether it was met, from the figures that a measurement left in `figures`, `before` and `after`.

# Lines of "MET FOUND COMPARISON LIMIT NAME" each, MET being yes or no.
aims=()
aims_missed=0 facts_missed=0

# aim NAME FOUND COMPARISON LIMIT: a figure, which depends on the machine. Without one that was found it is missed.
aim() {
  local met=no
  if [[ $2 =~ ^-?[0-9.]+$ ]] && awk "BEGIN { exit !($2 $3 $4) }"; then met=yes; fi
  aims+=("$met ${2:--} $3 $4 $1")
  [[ $met == yes ]] || aims_missed=$((aims_missed + 1))
}

# must NAME FOUND COMPARISON LIMIT: a fact, which is so on every machine.
must() {
  local missed=$aims_missed
  aim "$@"
  ((aims_missed == missed)) || facts_missed=$((facts_missed + 1))
}

# aims_code: 1 when a fact is missed; with `judge` also when any aim is.
aims_code() {
  echo $((facts_missed > 0 || (judge && aims_missed > 0)))
}

aims_text() {
  local met found comparison limit name
  ((${#aims[@]})) || return 0
  printf '\n%-80s %12s %12s %4s\n' aim found wanted met
  while read -r met found comparison limit name; do
    printf '%-80s %12s %12s %4s\n' "$name" "$found" "$comparison $limit" "$met"
  done < <(printf '%s\n' "${aims[@]}")
}

aims_json() {
  printf '%s\n' ${aims[@]+"${aims[@]}"} | jq -Rnc '[inputs | select(. != "") | capture("^(?<met>\\S+) (?<found>\\S+) (?<wanted>\\S+ \\S+) (?<aim>.*)$")
    | {aim, found: (.found | tonumber? // null), wanted, met: (.met == "yes")}]'
}

# most LIST, total LIST: of the numbers of a list.
most() { tr ' ' '\n' <<<"$1" | sort -g | tail -n 1; }
total() { tr ' ' '\n' <<<"$1" | awk '{ n += $1 } END { print n + 0 }'; }

# -- bench/run, beside nginx -----------------------------------------------------------------------------------------

# aims_of_result UNIT TITLE CHAIN...: what is aimed at in the workload and load at hand (each_result calls it).
aims_of_result() {
  local beside=0
  [[ " ${*:3} " != *' nginx '* ]] || beside=1
  case $workload/$beside in
    get/1)
      aim "GET, $load connections: requests/s to those of nginx" "$(ratio nginx rps)" '>=' 1.3
      aim "GET, $load connections: p99 to that of nginx" "$(ratio nginx p99_ms)" '<=' 1
      ;;
    bulk_*/1) aim "$2: MB/s to those of nginx" "$(ratio nginx mb_s)" '>=' 1 ;;
    far_*) aim "$2: MB/s" "$(middle sevenstep mb_s)" '>=' 100 ;;
    idle/*) aim "$2: KB" "$(calculate "$(middle sevenstep kb) * 1.024")" '<' 20 ;;
  esac
}

aims_of_run() {
  each_result aims_of_result
}

# -- bench/stalled -------------------------------------------------------------------------------------------------

# aims_of_stalled WAY...: figures[WAY/...], a value a round.
aims_of_stalled() {
  local way
  for way; do
    aim "$way: p99 of users to theirs without the stalled" "$(median_ratio "${figures[$way/with_p99_ms]-}" "${figures[$way/without_p99_ms]-}")" '<' 2
    # shellcheck disable=SC2086 # numbers
    aim "$way: processor time of the cloud for the stalled, % of one core" "$(median ${figures[$way/cpu_percent]-})" '<' 5
  done
}

# -- bench/failover ------------------------------------------------------------------------------------------------

# aims_of_failover EVENT...: figures[EVENT/...], a value a round.
aims_of_failover() {
  local event
  for event; do
    must "$event: errors" "$(total "${figures[$event/errors]-}")" '<=' 0
    must "$event: answers 200 that did not come from the application" "$(total "${figures[$event/elsewhere]-}")" '<=' 0
    must "$event: arrived at the application without an answer" "$(total "${figures[$event/beyond]-}")" '<=' 0
    [[ $event != kill ]] || aim 'kill: longest wait of a request, ms' "$(most "${figures[kill/max_ms]-}")" '<' 100
  done
}

# -- bench/soak, bench/websocket -----------------------------------------------------------------------------------

# grown NAME: in KiB, from before[] to after[].
grown() { echo $((${after[$1]} - ${before[$1]})); }

# growth_percent KIB NAME: what so many are of what it had before.
growth_percent() { awk "BEGIN { printf \"%.1f\", 100 * $1 / ${before[$2]} }"; }

# aims_of_soak PERCENT KIB: before[] and after[] by actor; PERCENT, or KIB where that is more.
aims_of_soak() {
  local name limit
  for name in $(printf '%s\n' "${!before[@]}" | sort); do
    limit=$(growth_percent "$2" "$name")
    awk "BEGIN { exit !($limit > $1) }" || limit=$1
    must "$name: growth of its memory, %" "${after[$name]:+$(growth_percent "$(grown "$name")" "$name")}" '<=' "$limit"
  done
}

# aims_of_websocket KIB: the same; after[] is the most that it had.
aims_of_websocket() {
  local name
  for name in $(printf '%s\n' "${!before[@]}" | sort); do
    must "$name: growth of its memory, KiB" "${after[$name]:+$(grown "$name")}" '<=' "$1"
  done
}

# actors_json: before[] and after[] as a member of an object.
actors_json() {
  local name
  for name in "${!before[@]}"; do echo "$name ${before[$name]} ${after[$name]}"; done |
    jq -Rn '{actors: ([inputs | split(" ") | {key: .[0], value: {before_kb: (.[1] | tonumber), after_kb: (.[2] | tonumber)}}] | from_entries)}'
}
