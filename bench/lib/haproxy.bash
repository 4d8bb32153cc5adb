# shellcheck shell=bash
# Another yardstick: two HAProxy before the application: TLS front -> TLS middle hop. HTTP/1.1, connections kept alive and shared,
# as many threads as there are cores, no logs; TLS as ours.
#
#   haproxy_start FOLDER PORT CERT KEY STATIC-PORT SINK-PORT SINK-HOST   listens on PORT and PORT+1
#   haproxy_stop FOLDER
#   haproxy_pids FOLDER
#   haproxy_front_pids FOLDER

haproxy_bin() { command -v haproxy || echo /usr/sbin/haproxy; }

# haproxy_common FOLDER NAME PORT
haproxy_common() {
  cat <<CONF
global
  maxconn 8000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-bind-curves X25519
  ssl-server-verify none
defaults
  mode http
  timeout connect 10s
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
  http-reuse always
frontend in
  bind 127.0.0.1:$3 ssl crt $1/both.pem backlog 4096 alpn http/1.1
CONF
}

haproxy_start() {
  local folder=$1 port=$2 name
  mkdir -p "$folder"
  (umask 077 && cat "$3" "$4" >"$folder/both.pem")
  {
    haproxy_common "$folder" middle $((port + 1))
    cat <<CONF
  use_backend sink if { path_beg /upload /ws }
  default_backend static
backend static
  server application 127.0.0.1:$5
backend sink
  http-request set-header Host $7
  server application 127.0.0.1:$6
CONF
  } >"$folder/middle.cfg"
  {
    haproxy_common "$folder" front "$port"
    cat <<CONF
  default_backend middle
backend middle
  server middle 127.0.0.1:$((port + 1)) ssl alpn http/1.1
CONF
  } >"$folder/front.cfg"
  # With -D it returns when it listens.
  for name in middle front; do
    "$(haproxy_bin)" -D -f "$folder/$name.cfg" -p "$folder/$name.pid" >"$folder/$name.log" 2>&1 || {
      cat "$folder/$name.log" >&2
      return 1
    }
  done
}

haproxy_stop() {
  stop_by_pid_file "$1/front.pid" "$1/middle.pid"
}

haproxy_pids() { cat "$1/front.pid" "$1/middle.pid"; }
haproxy_front_pids() { cat "$1/front.pid"; }
