# shellcheck shell=bash disable=SC2154
# The tests, in order: each builds on the lab as the ones before left it.

run_checks() {
  local service
  lab_folder=$(mktemp -d "${TMPDIR:-/tmp}/sevenstep-containers.XXXXXX") || exit 1
  lab_listen
  try "the images are built" build
  ((failures == 0)) || return
  try "every actor becomes healthy" start
  ((failures == 0)) || return
  try "the authority's certificate and the lab's variables can be had" learn
  ((failures == 0)) || return
  eval "$(<"$lab_folder/env")"
  export SEVENSTEP_CA=$lab_folder/ca.crt

  try "a user signs in outside and is known inside, in seven steps" seven_steps
  try "the code flow: the cloud reaches the identity provider by its own way" code_flow
  try "a passed-through application needs no logon" passed_through
  try "an application that no connector may delegate to is refused" refused_delegation

  try "from the cloud, no name and no address of the company's network can be reached" cloud_is_outside
  try "from the company's network, there is no way out" corp_is_inside
  try "connectors listen on nothing" connectors_listen_on_nothing
  try "only the cloud and the identity provider are published, and on loopback" published_ports

  for service in "${actors[@]}"; do
    try "$service: not root, no capabilities, no new privileges, read-only" hardened "$service"
    try "$service: sees only what it needs" sees_only_its_own "$service"
  done

  try "an application is published, changed and removed while the lab runs" app_changes
  try "a connector is added to the lab that runs, serves, and is removed" connector_changes
  try "the KDC stops: a new user fails at step 4; it starts: all works" kdc_outage
  try "one connector is killed: requests go on through the other" connector_killed
  try "set up again, everything stays as it was" set_up_again
  try "all actors end by themselves when asked to" orderly_end
  try "nothing stays behind" nothing_left
}

want() { # WHAT EXPECTED FOUND
  [[ $2 == "$3" ]] || { printf '%s: expected "%s", found "%s"\n' "$1" "$2" "$3"; return 1; }
}

page_shows() {
  grep -qF -- "$1" "$agent_body" || { printf 'the page does not contain "%s":\n' "$1"; head -c 1500 "$agent_body"; return 1; }
}

# -- life ------------------------------------------------------------------------------------------------------------

build() {
  lab build
}

start() {
  lab up -d || return
  lab_await_healthy "${actors[@]}" || return
  want "setup's exit code" 0 "$(docker inspect -f '{{.State.ExitCode}}' "$(id_of setup)")"
}

learn() {
  lab_operate ca >"$lab_folder/ca.crt" && lab_operate env >"$lab_folder/env" && grep -q '^export SEVENSTEP_APP_URL=' "$lab_folder/env"
}

set_up_again() {
  local before after state='find -L /volumes -type f ! -path "*/trace/*" ! -name "*.db*" ! -path "*/replay*" -exec sha256sum {} + | sort -k 2'
  before=$(lab run --rm -T --entrypoint bash setup -c "$state" 2>/dev/null) || return
  lab_operate setup || return
  after=$(lab run --rm -T --entrypoint bash setup -c "$state" 2>/dev/null) || return
  [[ -n $before ]] || return
  diff <(printf '%s\n' "$before") <(printf '%s\n' "$after")
}

orderly_end() {
  local service
  lab stop || return
  for service in "${actors[@]}"; do
    want "$service's exit code" 0 "$(docker inspect -f '{{.State.ExitCode}}' "$(id_of "$service")")" || return
  done
}

nothing_left() {
  local label=label=com.docker.compose.project=$project
  lab down -v --rmi local --remove-orphans || return
  want containers '' "$(docker ps -aq --filter "$label")" && want volumes '' "$(docker volume ls -q --filter "$label")" &&
    want networks '' "$(docker network ls -q --filter "$label")"
}

# -- requests --------------------------------------------------------------------------------------------------------

# sign_in FOLDER URL USER STATUS: by the lab file's convention the password is NAME-password.
sign_in() {
  agent_new "$lab_folder/$1"
  agent_sign_in "$2" "$3" "${3%%@*}-password" || { printf '%s\n' "$agent_failure"; return 1; }
  want "status (error: $(agent_error))" "$4" "$agent_status"
}

# The steps of the last response's trace. Spans are written when they end, a moment after the response.
steps_taken() {
  local wanted=$1 id found until=$((SECONDS + 10))
  id=$(agent_trace_id)
  while
    found=$(lab_operate trace --json show "$id" | jq -r .sequence)
    [[ $found != "$wanted" ]] && ((SECONDS < until))
  do :; done
  want steps "$wanted" "$found"
}

seven_steps() {
  sign_in alice "$SEVENSTEP_APP_URL" "$SEVENSTEP_USER" 200 && page_shows "alice@$SEVENSTEP_REALM" && steps_taken 1234567
}

code_flow() {
  sign_in bob "$SEVENSTEP_CODE_APP_URL" bob@sevenstep.test 200 && page_shows "bob@$SEVENSTEP_REALM" && steps_taken 1234567
}

passed_through() {
  agent_new "$lab_folder/nobody"
  agent_open "$SEVENSTEP_PASSTHROUGH_URL" && want status 200 "$agent_status" && steps_taken 367
}

refused_delegation() {
  sign_in forbidden "$SEVENSTEP_FORBIDDEN_URL" "$SEVENSTEP_USER" 403 && want error not_allowed_to_delegate "$(agent_error)"
}

# -- networks --------------------------------------------------------------------------------------------------------

# reached FROM HOST:PORT...: which of these a process in FROM can connect to; all are tried at once.
reached() {
  local from=$1
  shift
  # shellcheck disable=SC2016
  inside "$from" bash -c 'for at; do
      timeout 2 bash -c "exec 3<>/dev/tcp/${at%:*}/${at##*:}" 2>/dev/null && printf "%s\n" "$at" &
    done; wait' reached "$@" | sort | xargs
}

# The listening addresses of a service, by name and by number: addresses SERVICE NETWORK PORT...
addresses() {
  local service=$1 number port
  number=$(address_of "$service" "$2")
  shift 2
  for port; do printf '%s\n' "$service:$port" "$number:$port"; done
}

# What must fail is seen to work from a connector, so that it fails for the right reason.
cloud_is_outside() {
  local from targets
  mapfile -t targets < <({ addresses kdc corp 8447 8448; addresses backend corp 8446; } | sort)
  want "reached from connector-1" "${targets[*]}" "$(reached connector-1 "${targets[@]}")" || return
  for from in cloud idp; do
    want "reached from $from" idp:8444 "$(reached "$from" idp:8444 "${targets[@]}")" || return
    # Nor by the way of a connector, even if that passed packets on: there is no route.
    want "routes to corp from $from" '' "$(comm -12 <(routes_of "$from") <(routes_of backend))" || return
  done
}

# The networks that a container stands in, as the kernel writes them.
routes_of() {
  inside "$1" awk 'NR > 1 && $2 != "00000000" { print $2 }' /proc/net/route | sort
}

corp_is_inside() {
  local from targets world
  mapfile -t targets < <({ addresses cloud cloud 8443 8445; addresses idp cloud 8444; } | sort)
  want "reached from connector-1" "${targets[*]}" "$(reached connector-1 "${targets[@]}")" || return
  # The world, where there is one.
  world=$(inside connector-1 getent ahostsv4 deb.debian.org | awk '{ print $1 ":80"; exit }')
  [[ -z $world || -z $(reached connector-1 "$world") ]] || targets+=("$world")
  for from in kdc backend; do
    want "reached from $from" kdc:8448 "$(reached "$from" kdc:8448 "${targets[@]}")" || return
  done
}

# Sockets that wait for others, but for the engine's own name server at 127.0.0.11.
connectors_listen_on_nothing() {
  local service
  for service in connector-1 connector-2; do
    want "listening sockets of $service" '' "$(inside "$service" awk \
      'FNR > 1 && (FILENAME ~ /tcp/ ? $4 == "0A" : $4 == "07") && $2 !~ /^0B00007F:/ { print FILENAME, $2 }' \
      /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6)" || return
  done
}

published_ports() {
  local published=${SEVENSTEP_PUBLISH:-127.0.0.1}
  want "published ports" "$published:8443 $published:8444" "$(docker ps -q --filter "label=com.docker.compose.project=$project" |
    xargs docker inspect -f '{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}}:{{.HostPort}}{{"\n"}}{{end}}{{end}}' | sort -u | xargs)"
}

# -- changes ---------------------------------------------------------------------------------------------------------

wiki_status() {
  agent_open "$wiki" && want "status (error: $(agent_error))" "$1" "$agent_status"
}

app_changes() {
  local wiki=${SEVENSTEP_APP_URL/hello/wiki} started
  started=$(docker inspect -f '{{.State.StartedAt}}' "$(id_of cloud)" "$(id_of kdc)" "$(id_of connector-1)")
  agent_new "$lab_folder/wiki"
  wiki_status 404 || return
  lab_operate app add --delegate wiki 'external_url=https://wiki.apps.localhost:{cloud}/' 'internal_url=http://wiki.corp.sevenstep.test:{backend}/' \
    'connect=127.0.0.1:{backend}' single_sign_on=kcd spn=HTTP/wiki.corp.sevenstep.test 'assigned_groups=[staff]' || return
  sign_in wiki "$wiki" "$SEVENSTEP_USER" 200 && page_shows "alice@$SEVENSTEP_REALM" && steps_taken 1234567 || return
  lab_operate app list | grep -q '^wiki  *added ' || return
  lab_operate user add grace upn=grace@sevenstep.test password=grace-password && lab_operate app set wiki assigned_users+=grace &&
    sign_in grace "$wiki" grace@sevenstep.test 200 && page_shows "grace@$SEVENSTEP_REALM" || return
  ! lab_operate app add wiki "external_url=$wiki" internal_url=http://x/ || return
  ! lab_operate app set wiki external_url=ftp://x/ || return
  sign_in wiki "$wiki" "$SEVENSTEP_USER" 200 && lab_operate app set wiki maintenance=true && wiki_status 503 || return
  lab_operate app remove wiki && wiki_status 404 && lab_operate user remove grace || return
  want "the start of actors" "$started" "$(docker inspect -f '{{.State.StartedAt}}' "$(id_of cloud)" "$(id_of kdc)" "$(id_of connector-1)")"
}

listed() {
  lab_operate connector list --json | jq -r --arg name "$1" '.connectors[] | select(.name == $name) | .state'
}

connector_changes() {
  local service
  ! lab_operate connector add connector-9 || return
  lab_operate connector add connector-3 && lab up -d connector-3 && lab_await_healthy connector-3 || return
  want "the state of connector-3" active "$(listed connector-3)" || return
  for service in connector-1 connector-2; do lab stop "$service" && lab_await_end "$service" || return; done
  sign_in third "$SEVENSTEP_APP_URL" "$SEVENSTEP_USER" 200 || return
  lab start connector-1 connector-2 && lab_await_healthy connector-1 connector-2 || return
  ! lab_operate connector remove connector-3 || return
  lab rm -sf connector-3 && lab_operate connector remove connector-3 && want "the state of connector-3" '' "$(listed connector-3)"
}

# -- rights ----------------------------------------------------------------------------------------------------------

# As the kernel sees every process of the container, not as the engine was told.
hardened() {
  local service=$1
  # shellcheck disable=SC2016
  want "privileges of $service" 'mount ro' "$(inside "$service" bash -c 'cat /proc/[1-9]*/status /proc/mounts 2>/dev/null' | awk '
    /^Name:/ { name = $2 }
    /^Uid:/ { n++; for (i = 2; i <= 5; i++) if ($i == 0) print name, $0 }
    /^Cap(Inh|Prm|Eff|Bnd|Amb):/ && $2 !~ /^0+$/ { print name, $0 }
    /^NoNewPrivs:/ && $2 != 1 { print name, $0 }
    $2 == "/" && NF == 6 { split($4, option, ","); root = option[1] }
    END { if (n < 2) print "no processes seen"; print "mount", root }')"
}

# Facts about the run folder, one a line, gathered in one go.
facts_of() {
  # shellcheck disable=SC2016
  inside "$1" bash -c 'cd /var/lib/sevenstep || exit
    find . -path ./idp -prune -o -path ./cloud -prune -o -type f \( -name "*.key" -o -name "*.keytab" -o -name "*.pem" -o -name "*.token" \) -printf "%P\n" | sort
    find . -type f -perm /077 -printf "open to others: %P\n"
    find / -xdev -name principal -printf "database\n" 2>/dev/null; find . -name principal -printf "database\n"
    grep -q -- "-password\"" lab.yaml && echo passwords
    grep -q -- "-secret-" lab.yaml && echo client secrets'
}

# idp and cloud also keep keys that they made themselves, in folders of their own.
sees_only_its_own() {
  local service=$1 expected
  case $service in
    idp) expected='pki/idp.key passwords client secrets' ;;
    cloud) expected='pki/cloud.key pki/tunnel.key client secrets' ;;
    kdc) expected='keytabs/backend.keytab keytabs/connector-1.keytab keytabs/connector-2.keytab database passwords' ;;
    backend) expected='keytabs/backend.keytab' ;;
    *) expected="connectors/$service.pem keytabs/$service.keytab" ;;
  esac
  want "secrets in $service" "$expected" "$(facts_of "$service" | xargs)"
}

# -- outages ---------------------------------------------------------------------------------------------------------

kdc_outage() {
  local before
  lab stop kdc && lab_await_end kdc || return
  agent_new "$lab_folder/bob-in-hello"
  agent_open "$SEVENSTEP_APP_URL" && agent_logon bob@sevenstep.test bob-password || return
  before=$SECONDS
  agent_post_token
  ((SECONDS - before <= 6)) || { printf 'the refusal took %d s\n' $((SECONDS - before)); return 1; }
  # A container that is gone leaves no name, or an address that nobody has.
  [[ $(agent_error) == kdc_@(unreachable|timeout) ]] || want error "kdc_unreachable or kdc_timeout" "$(agent_error)" || return
  lab start kdc && lab_await_healthy kdc || return
  agent_get "$SEVENSTEP_APP_URL"
  want "status (error: $(agent_error))" 200 "$agent_status" && page_shows "bob@$SEVENSTEP_REALM"
}

connector_killed() {
  local i
  agent_new "$lab_folder/alice-again"
  sign_in alice-again "$SEVENSTEP_APP_URL" "$SEVENSTEP_USER" 200 || return
  docker kill "$(id_of connector-1)" >/dev/null && lab_await_end connector-1 || return
  for i in 1 2 3 4 5 6; do
    agent_get "$SEVENSTEP_APP_URL"
    want "status of request $i (error: $(agent_error))" 200 "$agent_status" || return
  done
  lab start connector-1 && lab_await_healthy connector-1
}
