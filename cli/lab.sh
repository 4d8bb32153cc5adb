# shellcheck shell=bash
# The whole lab: up, down, start, stop.

help_up='Start the lab, and return when every actor is ready.
Builds first when the sources changed. A second `up` says so and exits 0. When an actor fails, its reason and its log are
shown, and what was started is stopped again. A connector that the cloud would not admit any more (its group was changed, its
certificate ended, the cloud lost its record) registers anew; one that was revoked stays out, and the others serve. A second lab
beside the first:

  SEVENSTEP_PORT_BASE=9440 SEVENSTEP_RUN=/tmp/second ./sevenstep up'
help_down='Stop the lab. No process is left.
Sends SIGTERM, waits until all are gone, kills who is not after 5 seconds (then the exit code is 1). The run folder with its
keys, traces and logs stays; delete it for a fresh start:

  ./sevenstep down && rm -r run'
help_start='Start one actor of the lab, e.g. one that was stopped: kdc, directory, idp, backend, cloud or a connector.
The others need not be restarted: ./sevenstep start kdc'
help_stop='Stop one actor and see what the others do: kdc, directory, idp, backend, cloud or a connector.
After ./sevenstep stop kdc, users with tickets go on, and new ones fail at step 4; with kdc.replicas: 2 in the lab file they get in
through kdc-2. ./sevenstep start kdc brings it back.'

lab_lock='' started=()

# One command at a time changes a run folder.
lab_take_lock() {
  umask 077
  mkdir -p "$run" || die "$EX_FAILED" "the run folder $run cannot be made"
  chmod 0700 "$run"
  mkdir -p "$run/pid" "$run/log"
  # The socket's name must fit into a sockaddr_un (108 bytes), with the longest connector name.
  ((${#run} <= 80)) || die "$EX_FAILED" "the run folder's path is too long for unix sockets (80 characters at most): $run" "Set SEVENSTEP_RUN to a shorter one."
  exec {lab_lock}>>"$run/pid/.lab"
  flock -w 60 "$lab_lock" || die "$EX_FAILED" "another ./sevenstep works in $run"
}

lab_is_running() {
  local file
  for file in "$run"/pid/*.lock; do
    [[ -e $file ]] || return 1
    flock -n "$file" true || return 0
  done
  return 1
}

# die_stopping CODE WHAT...: as die, after stopping what this command started.
die_stopping() {
  local code=$1
  shift
  [[ -z ${1-} ]] || warn "$1"
  actors_settle
  actors_stop ${started[@]+"${started[@]}"}
  ((${#started[@]} == 0)) || warn "Stopped again: ${started[*]}"
  # Only now the lab's own ports are free again, and whatever is still taken is somebody else's.
  ((code != EX_PORT)) || explain_ports
  [[ -z ${2-} ]] || printf '           %s\n' "$2" >&2
  exit "$code"
}

# launch NAME and await NAME... for `up`: with the list of what is to be stopped if anything fails.
launch() {
  started=("$1" ${started[@]+"${started[@]}"})
  actor_launch "$1" "${program_of[$1]}"
}

await() {
  local name
  for name; do
    actor_await "$name" || die_stopping $?
  done
}

# Which process listens on a port, as far as this user may know.
port_holder() {
  local port=$1 line
  command -v ss >/dev/null || return 0
  line=$(ss -Hlntup "sport = :$port" 2>/dev/null | head -n 1)
  [[ $line =~ \"([^\"]+)\",pid=([0-9]+) ]] && printf ' by %s (process %s)' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
}

# explain_ports: says which ports are taken, by whom, and what to do. 0 when none is.
explain_ports() {
  local key address reason taken
  mapfile -t taken < <(ask ports --free 2>&1 >/dev/null)
  ((${#taken[@]})) || return 0
  for reason in "${taken[@]}"; do
    IFS=' ' read -r key address reason <<<"$reason"
    address=${address%:} key=${key%:}
    warn "$key: $address is taken$(port_holder "${address##*:}")"
  done
  printf '           Stop what listens there, or move this lab: SEVENSTEP_PORT_BASE=%s ./sevenstep up\n' \
    $((${SEVENSTEP_PORT_BASE:-8440} % 50000 + 1000)) >&2
  return 1
}

provision_certificates() {
  local arguments
  mapfile -t arguments < <(ask certificates)
  "$top/pki/provision" "$run/pki" "${arguments[@]}" || die "$EX_FAILED" "the certificates could not be made"
}

# Where somebody else's KDC has the seat, no actor of ours writes krb5.conf.
provision_guest_realm() {
  [[ -z ${program_of[kdc]-} ]] || return 0
  "$bin/sevenstep-kdc" provision -c "$lab" -r "$run" >"$run/log/kdc.log" 2>&1 && return
  tail -n 3 "$run/log/kdc.log" >&2
  die "$EX_FAILED" "the lab is not ready for the guest's KDC" "docs/seats.md tells what it needs."
}

declare -A program_of=()
connectors=() kdcs=()

# The actors of the lab file, into program_of, and connectors and KDCs into lists of their own.
load_actors() {
  local name program lines
  lines=$(ask list actors) || exit "$EX_CONFIG"
  while read -r name program; do
    program_of[$name]=$program
    [[ $program != sevenstep-connector ]] || connectors+=("$name")
    [[ $program != sevenstep-kdc* ]] || kdcs+=("$name")
  done <<<"$lines"
}

# Logs and sockets of earlier runs: the last log is kept, a socket of a crash is not.
clean_run() {
  local name
  for name in "${!program_of[@]}"; do
    [[ ! -s $run/log/$name.log ]] || mv -f "$run/log/$name.log" "$run/log/$name.log.old"
    rm -f "$run/$name.sock"
  done
}

# Who needs whom: the cloud reads the issuer's keys, the application needs the keytab that the KDC's provisioning writes,
# connectors need the cloud and the KDC, and the KDC its directory, if it has one. All else starts at once.
launch_all() {
  local name serving=()
  launch idp
  [[ -z ${program_of[directory]-} ]] || { launch directory && await directory; }
  for name in ${kdcs[@]+"${kdcs[@]}"}; do launch "$name"; done
  await idp
  launch cloud
  await ${kdcs[@]+"${kdcs[@]}"}
  launch backend
  await cloud
  for name in "${connectors[@]}"; do
    connector_may_start "$name" || continue
    launch "$name"
    serving+=("$name")
  done
  await backend ${serving[@]+"${serving[@]}"}
}

command_up() {
  local from=$EPOCHREALTIME
  no_arguments "$@"
  settings_load
  packages_require run
  build_programs
  ask check >/dev/null || exit "$EX_CONFIG"
  lab_take_lock
  load_actors
  lab_up_locked "$from"
}

lab_up_locked() {
  local from=$1 name built
  local running=() absent=()
  for name in "${!program_of[@]}"; do
    if actor_is_running "$name"; then
      running+=("$name")
    elif ! connector_is_out "$name"; then
      absent+=("$name")
    fi
  done
  if ((${#absent[@]} == 0)); then
    say "The lab is running already. ./sevenstep status shows it, ./sevenstep down stops it."
    return 0
  fi
  ((${#running[@]} == 0)) || die "$EX_FAILED" "a part of the lab is running: ${running[*]}" "Start the others by ./sevenstep start ACTOR, or stop these by ./sevenstep down."
  explain_ports || exit "$EX_PORT"
  built=$EPOCHREALTIME
  clean_run
  provision_certificates
  provision_guest_realm
  load_environment
  settings_save "$SEVENSTEP_PORT_BASE"
  trap 'die_stopping 130 "interrupted"' INT TERM
  launch_all
  trap - INT TERM
  say "The lab is up: ${#started[@]} actors ready after $(elapsed_ms "$built" "$EPOCHREALTIME") ms ($(elapsed_ms "$from" "$EPOCHREALTIME") ms with checks and build)."
}

command_down() {
  local file name code=0
  no_arguments "$@"
  settings_load
  if ! lab_is_running; then
    say "The lab is not running."
    return 0
  fi
  lab_take_lock
  # In the order of requests, so that nobody loses one in flight: connectors and cloud first, and all the rest after.
  local first=() rest=()
  for file in "$run"/pid/*.lock; do
    name=${file##*/} name=${name%.lock}
    case $name in
      kdc | kdc-[23] | partner-kdc | idp | backend) rest+=("$name") ;;
      cloud | directory) ;;
      *) first+=("$name") ;;
    esac
  done
  actors_stop cloud || code=$?
  actors_stop ${first[@]+"${first[@]}"} || code=$?
  actors_stop ${rest[@]+"${rest[@]}"} || code=$?
  actors_stop directory || code=$?
  rm -f "$run/settings"
  say "The lab is down."
  return "$code"
}

# one_actor NAME: checks it, with the settings of the running lab.
one_actor() {
  (($# == 1)) || die "$EX_USAGE" "expected one actor" "./sevenstep status lists them."
  settings_load
  require_build
  load_actors
  [[ -n ${program_of[$1]-} ]] || die "$EX_USAGE" "there is no actor \"$1\"" "There are: ${!program_of[*]}"
}

command_start() {
  one_actor "$@"
  lab_take_lock
  if actor_is_running "$1"; then
    say "$1 is running already."
    return 0
  fi
  provision_certificates
  load_environment
  [[ -e $run/settings ]] || settings_save "$SEVENSTEP_PORT_BASE"
  [[ ${program_of[$1]} != sevenstep-connector ]] || ! actor_is_running cloud || hand_token_if_new "$1"
  launch "$1"
  await "$1"
  # Without tickets it serves what takes none, so that it starts all the same.
  if [[ ${program_of[$1]} == sevenstep-connector ]]; then
    actor_state "$1"
    [[ $state == ready ]] || die "$EX_FAILED" "$1 runs, but is not ready: $reason"
  fi
  say "$1 is ready."
}

command_stop() {
  one_actor "$@"
  if ! actor_is_running "$1"; then
    say "$1 is not running."
    return 0
  fi
  lab_take_lock
  actors_stop "$1" || return
  say "$1 is stopped."
}
