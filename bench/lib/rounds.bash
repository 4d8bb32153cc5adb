# shellcheck shell=bash
# What comparisons have in common. Who is compared is called a chain: ours is `sevenstep`, the others are yardsticks. A workload
# measures one chain once and adds its figures by record(). Rounds go through the chains in turn, so that what else the machine does
# hits them alike. Whoever includes this has a table of workloads (`workloads`), a function work_NAME for each, and `chain_pids`.

# figures[WORKLOAD/LOAD/CHAIN/NAME]: a value a round
declare -A figures=()

# record NAME VALUE: for the workload, load and chain at hand.
record() {
  figures[$workload/$load/$chain/$1]+=" $2"
}

wanted() { # WORKLOAD
  [[ -z $only || ",$only," == *",$1,"* ]]
}

# Chains for a workload's column, without those that were left out.
chains_of() {
  local name
  for name in ${1//,/ }; do [[ ",$without," == *",$name,"* ]] || echo "$name"; done
}

# each_of LIST WORD...: is every one of LIST a WORD?
each_of() {
  local item
  for item in ${1//,/ }; do [[ " ${*:2} " == *" $item "* ]] || wrong_usage; done
}

number() { # VALUE LEAST
  [[ $1 =~ ^[0-9]{1,6}$ ]] && ((10#$1 >= $2)) || wrong_usage
}

# measured_cpu COMMAND...: runs it, and sets cpu to the processor time that the chain took meanwhile, in microseconds.
measured_cpu() {
  local pids before
  mapfile -t pids < <(chain_pids | tr ' ' '\n' | sort -u)
  before=$(cpu_us "${pids[@]}")
  "$@" || return
  cpu=$(($(cpu_us "${pids[@]}") - before))
}

# measure_all: the rows of the table that come on descriptor 3.
measure_all() {
  local loads chains unit title round last
  while read -r workload loads chains unit title <&3; do
    wanted "$workload" || continue
    last=$rounds
    # What a process has grown by once, it keeps: memory can be measured in the first round only, and before all else.
    [[ $workload != idle ]] || last=1
    for load in ${loads//,/ }; do
      for ((round = 1; round <= last; round++)); do
        note "$title, $load: round $round of $last"
        for chain in $(chains_of "$chains"); do "work_$workload"; done
      done
    done
  done
}
