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
  printf '\n%-72s %12s %12s %4s\n' aim found wanted met
  while read -r met found comparison limit name; do
    printf '%-72s %12s %12s %4s\n' "$name" "$found" "$comparison $limit" "$met"
  done < <(printf '%s\n' "${aims[@]}")
}

aims_json() {
  printf '%s\n' ${aims[@]+"${aims[@]}"} | jq -Rnc '[inputs | select(. != "") | capture("^(?<met>\\S+) (?<found>\\S+) (?<wanted>\\S+ \\S+) (?<aim>.*)$")
    | {aim, found: (.found | tonumber? // null), wanted, met: (.met == "yes")}]'
}

# most LIST, total LIST: of the numbers of a list.
most() { tr ' ' '\n' <<<"$1" | sort -g | tail -n 1; }
total() { tr ' ' '\n' <<<"$1" | awk '{ n += $1 } END { print n + 0 }'; }

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
