# shellcheck shell=bash
# The figures for people, and for programs.

middle() { # CHAIN NAME
  # shellcheck disable=SC2086 # a list of numbers
  median ${figures[$workload/$load/$1/$2]-}
}

# ratio CHAIN NAME: ours to this one.
ratio() {
  median_ratio "${figures[$workload/$load/sevenstep/$2]-}" "${figures[$workload/$load/$1/$2]-}"
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

text_result() {
  local unit=$1 title=$2 one cpu_one p99_one
  shift 2
  if [[ $title != "$last_title" ]]; then
    printf '\n%s\n' "$title"
    case $unit in
      rps) printf '  %5s  %-10s %11s %9s %9s %15s %7s %7s %7s\n' load chain requests/s 'p50 ms' 'p99 ms' 'CPU us/request' 'ours to' 'CPU' 'p99' ;;
      mb_s) printf '  %5s  %-10s %11s %35s %7s\n' load chain MB/s 'CPU us/MB' 'ours to' ;;
      kb) printf '  %5s  %-10s %11s %43s\n' load chain KiB 'ours to' ;;
      us) printf '  %5s  %-10s %11s %35s %7s\n' load chain us 'CPU us' 'ours to' ;;
      bytes) printf '  %5s  %-10s %11s %35s\n' load chain 'bytes each' 'the ticket alone' ;;
    esac
    last_title=$title
  fi
  for chain; do
    one='' cpu_one='' p99_one=''
    [[ $chain == sevenstep ]] || one=$(ratio "$chain" "$unit")
    [[ $chain == sevenstep || $unit != rps ]] || cpu_one=$(ratio "$chain" cpu_us) p99_one=$(ratio "$chain" p99_ms)
    case $unit in
      rps) printf '  %5s  %-10s %11.0f %9.2f %9.2f %15.1f %7.5s %7.5s %7.5s\n' "$load" "$chain" "$(middle "$chain" rps)" \
        "$(middle "$chain" p50_ms)" "$(middle "$chain" p99_ms)" "$(middle "$chain" cpu_us)" "$one" "$cpu_one" "$p99_one" ;;
      mb_s) printf '  %5s  %-10s %11.0f %35.0f %7.7s\n' "$load" "$chain" "$(middle "$chain" mb_s)" "$(middle "$chain" cpu_us)" "$one" ;;
      kb) printf '  %5s  %-10s %11.1f %43.7s\n' "$load" "$chain" "$(middle "$chain" kb)" "$one" ;;
      us) printf '  %5s  %-10s %11.2f %35.2f %7.7s\n' "$load" "$chain" "$(middle "$chain" us)" "$(middle "$chain" cpu_us)" "$one" ;;
      bytes) printf '  %5s  %-10s %11.0f %35.0f\n' "$load" "$chain" "$(middle "$chain" bytes)" "$(middle "$chain" ticket_bytes)" ;;
    esac
  done
}

# Both: `introduce` is the script's, and so is what else it has measured.
report_text() {
  local last_title=''
  introduce
  each_result text_result
}

json_result() {
  local unit=$1 title=$2 name
  shift 2
  for chain; do
    for name in rps p50_ms p99_ms cpu_us mb_s kb us bytes ticket_bytes; do
      [[ -z ${figures[$workload/$load/$chain/$name]-} ]] || echo "$workload $load $chain $name $(middle "$chain" "$name") ${figures[$workload/$load/$chain/$name]}"
    done
    [[ $chain == sevenstep ]] || echo "$workload $load $chain ratio $(ratio "$chain" "$unit")"
    [[ $chain == sevenstep || $unit != rps ]] || {
      echo "$workload $load $chain cpu_ratio $(ratio "$chain" cpu_us)"
      echo "$workload $load $chain p99_ratio $(ratio "$chain" p99_ms)"
    }
  done
}

# report_json [MEMBERS]: a JSON object's, besides.
report_json() {
  each_result json_result | jq -Rn --argjson cores "$(nproc)" --argjson rounds "$rounds" --argjson more "${1:-{\}}" '
    [inputs | [splits(" +")] | {workload: .[0], load: (.[1] | tonumber), chain: .[2], name: .[3], median: (.[4] | tonumber),
      rounds: (.[5:] | map(tonumber))}]
    | {cores: $cores, rounds: $rounds,
       results: (group_by([.workload, .load]) | map({workload: .[0].workload, load: .[0].load, chains: (group_by(.chain)
         | map({key: .[0].chain, value: (map({key: .name, value: (if .name | endswith("ratio") then .median else {median, rounds} end)})
           | from_entries)}) | from_entries)}))} + $more'
}
