# shellcheck shell=bash disable=SC2154
# The lab of docker-compose.yml under a project name of its own.
#
#   lab COMPOSE-ARGUMENT...          compose on this lab
#   lab_start SERVICE...             up, without waiting; lab_await_healthy then waits
#   lab_await_healthy SERVICE...     until each is healthy, as the engine tells; fails when one ends, or after a minute
#   lab_await_end SERVICE            until the engine tells that it ended, as it was to
#   inside SERVICE COMMAND...        runs it in the service's container
#   id_of SERVICE                    its container
#   address_of SERVICE NETWORK       its address there
#   lab_operate ARGUMENT...          the one-shot container with all volumes: see containers/operate

readonly project=sevenstep-test-$$ actors=(idp cloud kdc backend connector-1 connector-2)
readonly health_timeout_s=60
lab_events=''

lab() {
  "${compose[@]}" --project-directory "$top" -f "$top/docker-compose.yml" -p "$project" "$@"
}

# The engine's own news about this lab: "SERVICE healthy" and "SERVICE die", one a line. Followed from before the start, so
# that nothing is missed.
lab_listen() {
  exec {lab_events}< <(exec docker events --filter type=container --filter "label=com.docker.compose.project=$project" \
    --filter event=health_status --filter event=die \
    --format '{{index .Actor.Attributes "com.docker.compose.service"}} {{.Action}}')
  lab_listener=$!
}

lab_await_healthy() {
  local waiting=" $* " service action until=$((SECONDS + health_timeout_s))
  while [[ -n ${waiting// /} ]]; do
    read -r -t $((until > SECONDS ? until - SECONDS : 0)) -u "$lab_events" service action || {
      printf 'not healthy after %d s:%s\n' "$health_timeout_s" "$waiting"
      return 1
    }
    case $action in
      *unhealthy) ;;
      *healthy) waiting=${waiting/ $service / } ;;
      die)
        [[ $waiting != *" $service "* ]] || {
          printf '%s ended:\n' "$service"
          docker logs --tail 8 "$(id_of "$service")"
          return 1
        } ;;
    esac
  done
}

lab_await_end() {
  local service action
  while read -r -t "$health_timeout_s" -u "$lab_events" service action; do
    [[ $service != "$1" || $action != die ]] || return 0
  done
  printf '%s did not end\n' "$1"
  return 1
}

id_of() {
  docker ps -aq --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1" \
    --filter label=com.docker.compose.oneoff=False
}

inside() {
  local service=$1
  shift
  docker exec "$(id_of "$service")" "$@"
}

address_of() {
  docker inspect -f "{{(index .NetworkSettings.Networks \"${project}_$2\").IPAddress}}" "$(id_of "$1")"
}

lab_operate() {
  lab run --rm -T setup "$@" 2>"$lab_folder/operate.errors" || { cat "$lab_folder/operate.errors"; return 1; }
}

lab_keep_logs() {
  local reports=$top/build/reports
  mkdir -p "$reports" && lab logs --no-color >"$reports/containers.log" 2>&1 && note "what they logged: build/reports/containers.log"
}

lab_remove() {
  [[ -z $lab_events ]] || kill "$lab_listener" 2>/dev/null
  [[ -z ${lab_folder-} ]] || { lab down -v --rmi local --remove-orphans >/dev/null 2>&1; rm -rf "$lab_folder"; }
}
