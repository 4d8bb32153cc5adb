# shellcheck shell=bash
# The figures for people, and for programs.

middle() { # CHAIN NAME
  # shellcheck disable=SC2086 # a list of numbers
  median ${figures[$workload/$load/$1/$2]-}
}

# ratio CHAIN UNIT: ours to this one, the median over the rounds, for the figures of one round are neighbours in time.
ratio() {
  local i ours theirs ratios=()
  read -ra ours <<<"${figures[$workload/$load/sevenstep/$2]-}"
  read -ra theirs <<<"${figures[$workload/$load/$1/$2]-}"
  for i in "${!ours[@]}"; do ratios+=("$(calculate "${ours[i]} / ${theirs[i]}")"); done
  median "${ratios[@]}"
}

# each_result FUNCTION: calls it for every workload and load that was measured, with unit, title and the chains.
each_result() {
  local loads chains unit title
  while read -r workload loads chains unit title <&3; do
    wanted "$workload" || continue
    for load in ${loads//,/ }; do
      # shellcheck disable=SC2046 # names
      "$1" "$unit" "$title" $(chains_of "$chains")
    done
  done 3< <(workloads)
}

declare -rA unit_names=([rps]='requests/s' [mb_s]='MB/s' [kb]='KiB')

text_result() {
  local unit=$1 title=$2 one
  shift 2
  if [[ $title != "$last_title" ]]; then
    printf '\n%s\n' "$title"
    case $unit in
      rps) printf '  %5s  %-10s %11s %9s %9s %15s %7s\n' load chain requests/s 'p50 ms' 'p99 ms' 'CPU us/request' 'ours to' ;;
      mb_s) printf '  %5s  %-10s %11s %35s %7s\n' load chain MB/s 'CPU us/MB' 'ours to' ;;
      kb) printf '  %5s  %-10s %11s %43s\n' load chain KiB 'ours to' ;;
    esac
    last_title=$title
  fi
  for chain; do
    one=''
    [[ $chain == sevenstep ]] || one=$(ratio "$chain" "$unit")
    case $unit in
      rps) printf '  %5s  %-10s %11.0f %9.2f %9.2f %15.1f %7.7s\n' "$load" "$chain" "$(middle "$chain" rps)" \
        "$(middle "$chain" p50_ms)" "$(middle "$chain" p99_ms)" "$(middle "$chain" cpu_us)" "$one" ;;
      mb_s) printf '  %5s  %-10s %11.0f %35.0f %7.7s\n' "$load" "$chain" "$(middle "$chain" mb_s)" "$(middle "$chain" cpu_us)" "$one" ;;
      kb) printf '  %5s  %-10s %11.1f %43.7s\n' "$load" "$chain" "$(middle "$chain" kb)" "$one" ;;
    esac
  done
}

report_text() {
  printf '\nsevenstep: cloud, tunnel, connector, with a session checked on every request. kerberos: with a ticket and mutual authentication\n'
  printf 'on every request as well, and the application of the lab. nginx, haproxy: two hops, no authentication.\n'
  printf 'All but kerberos before the same application. %s cores, TLS 1.3, medians of %s rounds.\n' "$(nproc)" "$rounds"
  local last_title=''
  each_result text_result
  ((${#fresh[@]} == 0)) || printf '\n./sevenstep up, median of %s: %.2f s in a fresh run folder, %.2f s again\n' "${#fresh[@]}" \
    "$(median "${fresh[@]}")" "$(median "${again[@]}")"
}

json_result() {
  local unit=$1 title=$2 name
  shift 2
  for chain; do
    for name in rps p50_ms p99_ms cpu_us mb_s kb; do
      [[ -z ${figures[$workload/$load/$chain/$name]-} ]] || echo "$workload $load $chain $name $(middle "$chain" "$name") ${figures[$workload/$load/$chain/$name]}"
    done
    [[ $chain == sevenstep ]] || echo "$workload $load $chain ratio $(ratio "$chain" "$unit")"
  done
}

report_json() {
  each_result json_result | jq -Rn --argjson cores "$(nproc)" --argjson seconds "$seconds" --argjson rounds "$rounds" \
    --arg fresh "$(median ${fresh[@]+"${fresh[@]}"})" --arg again "$(median ${again[@]+"${again[@]}"})" '
    [inputs | [splits(" +")] | {workload: .[0], load: (.[1] | tonumber), chain: .[2], name: .[3], median: (.[4] | tonumber),
      rounds: (.[5:] | map(tonumber))}]
    | {cores: $cores, seconds: $seconds, rounds: $rounds,
       results: (group_by([.workload, .load]) | map({workload: .[0].workload, load: .[0].load, chains: (group_by(.chain)
         | map({key: .[0].chain, value: (map({key: .name, value: (if .name == "ratio" then .median else {median, rounds} end)})
           | from_entries)}) | from_entries)})),
       up_s: {fresh: ($fresh | tonumber? // null), again: ($again | tonumber? // null)}}'
}
