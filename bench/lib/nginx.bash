# shellcheck shell=bash
# A yardstick: two nginx before the application, a chain of three: TLS front -> TLS middle hop -> application. HTTP/1.1 with
# connections kept alive between them, no authentication, no logs, bodies streamed. Unprivileged, everything in one folder. TLS
# as ours: version 1.3, ECDSA P-256 certificates, X25519.
#
#   nginx_start FOLDER PORT CERT KEY STATIC-PORT SINK-PORT SINK-HOST   listens on PORT and PORT+1
#   nginx_stop FOLDER
#   nginx_pids FOLDER       all master and worker processes
#   nginx_front_pids FOLDER

# nginx_hop FOLDER NAME PORT CERT KEY: a server with TLS; its locations follow on standard input.
nginx_hop() {
  nginx_common "$1" "$2"
  cat <<CONF
  ssl_protocols TLSv1.3;
  ssl_ecdh_curve X25519;
  ssl_session_cache shared:s:4m;
  client_max_body_size 0;
  proxy_request_buffering off;
  proxy_max_temp_file_size 0;
  proxy_http_version 1.1;
  map \$http_upgrade \$hop_connection { default upgrade; '' ''; }
  proxy_set_header Connection \$hop_connection;
  proxy_set_header Upgrade \$http_upgrade;
  proxy_ssl_protocols TLSv1.3;
  proxy_ssl_session_reuse on;
  $(cat)
}
CONF
}

# nginx_upstream NAME PORT
nginx_upstream() {
  cat <<CONF
  upstream $1 {
    server 127.0.0.1:$2;
    keepalive 512;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
  }
CONF
}

# nginx_server PORT CERT KEY: around the locations on standard input.
nginx_server() {
  cat <<CONF
  server {
    listen 127.0.0.1:$1 ssl backlog=4096;
    ssl_certificate $2;
    ssl_certificate_key $3;
    $(cat)
  }
CONF
}

nginx_start() {
  local folder=$1 port=$2 cert=$3 key=$4 static=$5 sink=$6 sink_host=$7
  mkdir -p "$folder"
  {
    nginx_upstream static "$static"
    nginx_upstream sink "$sink"
    nginx_server $((port + 1)) "$cert" "$key" <<CONF
location / { proxy_pass http://static; }
    location ~ ^/(upload|ws) { proxy_pass http://sink; proxy_set_header Host $sink_host; proxy_set_header Connection \$hop_connection; proxy_set_header Upgrade \$http_upgrade; }
CONF
  } | nginx_hop "$folder" middle >"$folder/middle.conf"
  {
    nginx_upstream middle $((port + 1))
    nginx_server "$port" "$cert" "$key" <<CONF
location / { proxy_pass https://middle; }
CONF
  } | nginx_hop "$folder" front >"$folder/front.conf"
  nginx_launch "$folder" middle && nginx_launch "$folder" front
}

nginx_stop() {
  stop_by_pid_file "$1/front.pid" "$1/middle.pid"
}

# master_and_workers FILE...: processes by the files of their masters' ids.
master_and_workers() {
  local file master
  for file; do
    master=$(<"$file")
    echo "$master"
    pgrep -P "$master"
  done
}

nginx_pids() { master_and_workers "$1/front.pid" "$1/middle.pid"; }
nginx_front_pids() { master_and_workers "$1/front.pid"; }
