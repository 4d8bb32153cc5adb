# shellcheck shell=bash
# Starting and stopping single actors.
#
# An actor lives as long as RUN/pid/ACTOR.lock is locked: the lock (flock) is taken before the actor's program replaces the
# shell, so the actor and its children inherit it, and the kernel gives it back when the last of them is gone, however
# that happened. Nothing is ever concluded from a process id alone; the id in the file is only whom to send a signal.
#
# Readiness comes through a pipe (--ready-fd): READY, or the pipe's end when the actor failed. Nothing sleeps or polls.

readonly ready_timeout_s=20 stop_timeout_s=5

declare -A ready_pipe=() actor_pid=() log_offset=()

# The run folder of an actor: here all have one; in containers (containers/operate) each has its own.
folder_of() { printf '%s' "$run"; }

actor_is_running() {
  [[ -e $run/pid/$1.lock ]] && ! flock -n "$run/pid/$1.lock" true
}

# Sets actor_since (seconds since 1970) and actor_id from the lock file.
actor_read() {
  actor_id='' actor_since=''
  read -r actor_id actor_since <"$run/pid/$1.lock" 2>/dev/null
  [[ $actor_id =~ ^[0-9]+$ ]]
}

# actor_launch NAME PROGRAM: starts it; actor_await then waits for READY. In between others can be started.
actor_launch() {
  local name=$1 program=$2 log=$run/log/$1.log pipe fd
  local arguments=(-c "$lab" -r "$run" --ready-fd 3)
  [[ $program != sevenstep-connector ]] || arguments+=(-i "$name")
  [[ -x $bin/${program%% *} ]] || die_stopping "$EX_FAILED" "$name: there is no program $bin/$program" "$(how_to_build)"
  log_offset[$name]=$(stat -c %s "$log" 2>/dev/null || echo 0)
  exec {pipe}< <(
    exec 3>&1 >>"$log" 2>&1 </dev/null 9>>"$run/pid/$name.lock"
    for fd in "$lab_lock" "${ready_pipe[@]}"; do exec {fd}>&-; done
    flock -n 9 || exit "$EX_RUNNING"
    : >"$run/pid/$name.lock"
    printf '%s %s\n' "$BASHPID" "$EPOCHSECONDS" >&9
    # shellcheck disable=SC2086 # a word before the options, if there is one
    exec setsid "$bin/"$program "${arguments[@]}"
  )
  actor_pid[$name]=$!
  ready_pipe[$name]=$pipe
}
readonly EX_RUNNING=100

# actor_await NAME: 0 when it is ready; else says why it is not.
actor_await() {
  local name=$1 pipe=${ready_pipe[$1]} line='' code
  IFS= read -r -t "$ready_timeout_s" -u "$pipe" line
  code=$?
  exec {pipe}<&-
  unset "ready_pipe[$name]"
  [[ $line == READY ]] && return 0
  if ((code > 128)); then
    warn "$name is not ready after $ready_timeout_s seconds."
    actor_show_log "$name"
    return "$EX_FAILED"
  fi
  wait "${actor_pid[$name]}" 2>/dev/null
  code=$?
  case $code in
    "$EX_RUNNING") warn "$name runs already."; return "$EX_FAILED" ;;
    "$EX_CONFIG" | "$EX_PORT") ;;
    *) warn "$name ended before it was ready (exit code $code)."; actor_show_log "$name"; return "$EX_FAILED" ;;
  esac
  warn "$name did not start."
  actor_show_log "$name"
  return "$code"
}

# Waits until those that are still starting are ready or gone: before that, an actor may have no lock yet and would be missed.
actors_settle() {
  local name
  for name in "${!ready_pipe[@]}"; do
    IFS= read -r -t "$ready_timeout_s" -u "${ready_pipe[$name]}" _
  done
}

# The last lines that it wrote since this start.
actor_show_log() {
  local log=$run/log/$1.log
  tail -c "+$((${log_offset[$1]:-0} + 1))" "$log" 2>/dev/null | tail -n 8 | sed 's/^/           | /' >&2
  printf '           Its log: %s\n' "$log" >&2
}

# actor_signal NAME SIGNAL: to the actor; when that is gone but its children hold the lock, to its process group.
actor_signal() {
  actor_read "$1" || return 1
  kill "-$2" "$actor_id" 2>/dev/null || kill "-$2" -- "-$actor_id" 2>/dev/null
}

# actors_stop NAME...: TERM to all, then waits for each one's lock; who does not go in time is killed with its children.
actors_stop() {
  local name code=0
  local running=()
  for name; do
    if actor_is_running "$name"; then
      running+=("$name")
      actor_signal "$name" TERM
    fi
  done
  for name in ${running[@]+"${running[@]}"}; do
    flock -w "$stop_timeout_s" "$run/pid/$name.lock" true && continue
    warn "$name did not end within $stop_timeout_s seconds of SIGTERM and was killed; its log: $run/log/$name.log"
    actor_read "$name" && kill -KILL -- "-$actor_id" 2>/dev/null
    flock -w "$stop_timeout_s" "$run/pid/$name.lock" true || warn "$name cannot be killed (process $actor_id)"
    code=$EX_FAILED
  done
  return "$code"
}
