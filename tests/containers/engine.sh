# shellcheck shell=bash
# A container engine for the tests, and Compose to speak to it.
#
#   engine_start      sets DOCKER_HOST (when it started one), compose=(...), and makes debian:trixie-slim available;
#                     calls skip REASON when none can be had
#   engine_stop       takes away what engine_start made
#   engine_curl ...   curl, as from the machine that the engine publishes ports on
#
# An engine that answers already is used. Otherwise root gets one of its own from Debian's packages, in namespaces of its
# own: whatever happens, no bridge, no rule of the firewall and no mount of it stays behind.

readonly base_image=debian:trixie-slim base_suite=trixie base_age_days=14

engine_folder='' engine_network='' engine_process='' engine_forwarding='' base_is_ours=''
compose=()

note() { printf '# %s\n' "$*"; }

find_compose() {
  command -v docker >/dev/null || skip "docker is not installed (Debian packages docker.io and docker-compose)"
  if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
  elif docker-compose version >/dev/null 2>&1; then
    compose=(docker-compose)
  else
    skip "Compose is not installed (Debian package docker-compose)"
  fi
}

engine_start() {
  local tool
  find_compose
  engine_folder=$(mktemp -d "${TMPDIR:-/tmp}/sevenstep-engine.XXXXXX") || exit 1
  if timeout 20 docker info >"$engine_folder/info" 2>&1 && [[ $(docker info -f '{{.OSType}}' 2>/dev/null) == linux ]]; then
    note "engine: the one that runs here"
    # An address of loopback that no lab of this machine's user takes.
    export SEVENSTEP_PUBLISH=127.0.83.1
  else
    ((EUID == 0)) || skip "no container engine answers, and only root can start one"
    for tool in dockerd ip nsenter unshare pgrep iptables; do
      command -v "$tool" >/dev/null || skip "no container engine answers, and $tool is not installed to start one"
    done
    network_make || skip "no container engine answers, and a network for one cannot be made: $(<"$engine_folder/errors")"
    daemon_start || skip "dockerd does not run here: $(tail -n 1 "$engine_folder/log")"
    note "engine: dockerd in namespaces of its own"
  fi
  base_make
}

# -- a network namespace, joined to this machine by one pair of interfaces and one rule ------------------------------

engine_address() { # NUMBER: the first or the second of this process's own four addresses, of a range for tests (RFC 2544)
  printf '198.18.%d.%d' $(($$ / 64 % 256)) $(($$ % 64 * 4 + $1))
}

network_rules() { # -A or -D
  iptables -w 5 -t nat "$1" POSTROUTING -s "$(engine_address 2)" ! -o "$engine_network" -j MASQUERADE &&
    iptables -w 5 "$1" FORWARD -i "$engine_network" -j ACCEPT && iptables -w 5 "$1" FORWARD -o "$engine_network" -j ACCEPT
}

network_make() {
  engine_network=svnst$$
  {
    ip netns add "$engine_network" &&
      ip link add "$engine_network" type veth peer name eth0 netns "$engine_network" &&
      ip address add "$(engine_address 1)/30" dev "$engine_network" && ip link set "$engine_network" up &&
      ip -n "$engine_network" link set lo up &&
      ip -n "$engine_network" address add "$(engine_address 2)/30" dev eth0 && ip -n "$engine_network" link set eth0 up &&
      ip -n "$engine_network" route add default via "$(engine_address 1)" && network_rules -A
  } 2>"$engine_folder/errors" || return
  engine_forwarding=$(</proc/sys/net/ipv4/ip_forward)
  [[ $engine_forwarding == 1 ]] || echo 1 >/proc/sys/net/ipv4/ip_forward
}

network_remove() {
  [[ -n $engine_network ]] || return
  network_rules -D
  ip link delete "$engine_network"
  ip netns delete "$engine_network"
  [[ $engine_forwarding != 0 ]] || echo 0 >/proc/sys/net/ipv4/ip_forward
} 2>/dev/null

# -- the daemon ------------------------------------------------------------------------------------------------------

# The pid namespace makes sure that all containers end with it, the mount namespace that its mounts do. A small MTU, since
# the way out may be narrower than Docker thinks.
daemon_start() {
  local lines line reader
  mkdir "$engine_folder/data" "$engine_folder/exec"
  : >"$engine_folder/log"
  nsenter --net="/run/netns/$engine_network" unshare --mount --pid --fork --kill-child --mount-proc \
    dockerd --data-root "$engine_folder/data" --exec-root "$engine_folder/exec" --pidfile "$engine_folder/pid" \
    -H "unix://$engine_folder/socket" --cgroup-parent "/$engine_network" --mtu 1400 >>"$engine_folder/log" 2>&1 </dev/null &
  engine_process=$!
  exec {lines}< <(exec tail -n +1 -f --pid="$engine_process" "$engine_folder/log")
  reader=$!
  while IFS= read -r -t 30 -u "$lines" line; do [[ $line != *'API listen on'* ]] || break; done
  kill "$reader" 2>/dev/null
  exec {lines}<&-
  export DOCKER_HOST=unix://$engine_folder/socket
  timeout 20 docker info >"$engine_folder/info" 2>&1
}

daemon_stop() {
  local daemon
  [[ -n $engine_process ]] || return
  # unshare passes no signal on; its one child is dockerd.
  daemon=$(pgrep -P "$engine_process") && kill -TERM "$daemon"
  timeout 30 tail -f /dev/null --pid="$engine_process" || kill -KILL "$engine_process"
  wait "$engine_process"
  find /sys/fs/cgroup -depth -type d -path "*/$engine_network*" -exec rmdir {} +
} 2>/dev/null

engine_stop() {
  [[ -z $base_is_ours || -n $engine_process ]] || docker rmi "$base_image" >/dev/null 2>&1
  daemon_stop
  network_remove
  [[ -z $engine_folder ]] || rm -rf "$engine_folder"
}

engine_curl() {
  if [[ -n $engine_network ]]; then
    nsenter --net="/run/netns/$engine_network" curl "$@"
  else
    command curl --connect-to "::$SEVENSTEP_PUBLISH:" "$@"
  fi
}

# -- the base image: from the registry, or made of Debian's packages and kept as a file --------------------------------

base_make() {
  local cache=${SEVENSTEP_CACHE:-} file
  docker image inspect "$base_image" >/dev/null 2>&1 && return
  if [[ -z $cache ]]; then
    cache=/var/cache/sevenstep
    { mkdir -p "$cache" && [[ -w $cache ]]; } 2>/dev/null || cache=${TMPDIR:-/tmp}/sevenstep-cache-$EUID
  fi
  mkdir -p "$cache"
  file=$cache/debian-$base_suite.tar
  if [[ -z $(find "$file" -mtime "-$base_age_days" 2>/dev/null) ]]; then
    timeout 120 docker pull -q "$base_image" >"$engine_folder/pull" 2>&1 && return
    note "no image registry: $(tail -n 1 "$engine_folder/pull")"
    base_bootstrap "$file"
  fi
  docker import --change 'CMD ["bash"]' "$file" "$base_image" >/dev/null || exit 1
  base_is_ours=yes
}

base_bootstrap() {
  local mirror=${SEVENSTEP_DEBIAN_MIRROR:-http://deb.debian.org/debian} root
  local security=${SEVENSTEP_DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  ((EUID == 0)) || skip "$base_image cannot be pulled, and only root can make it"
  command -v debootstrap >/dev/null || skip "$base_image cannot be pulled, and debootstrap is not installed to make it"
  [[ -r $keyring ]] || skip "$base_image cannot be pulled, and debian-archive-keyring is not installed to make it"
  note "making the base image by debootstrap (it is kept as $1)"
  root=$(mktemp -d "${1%/*}/root.XXXXXX") || exit 1
  debootstrap --variant=minbase --force-check-gpg --keyring="$keyring" "$base_suite" "$root" "$mirror" >"$engine_folder/bootstrap" 2>&1 || {
    tail -n 3 "$engine_folder/bootstrap" | sed 's/^/# /'
    rm -rf "$root"
    skip "$base_image can neither be pulled nor made by debootstrap from $mirror"
  }
  printf 'deb %s\n' "$mirror $base_suite main" "$mirror $base_suite-updates main" "$security $base_suite-security main" >"$root/etc/apt/sources.list"
  # As in Docker's own images of Debian: packages leave no copies behind, and no documentation comes with them.
  printf '%s\n' 'APT::Keep-Downloaded-Packages "false";' 'Dir::Cache::pkgcache "";' 'Dir::Cache::srcpkgcache "";' \
    'APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };' \
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };' >"$root/etc/apt/apt.conf.d/docker-clean"
  printf 'path-exclude %s\n' '/usr/share/doc/*' '/usr/share/man/*' '/usr/share/locale/*' '/usr/share/info/*' >"$root/etc/dpkg/dpkg.cfg.d/docker"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale,info}/* "$root"/var/log/*.log
  tar -C "$root" -cf "$1.new" . && mv -f "$1.new" "$1"
  rm -rf "$root"
}
