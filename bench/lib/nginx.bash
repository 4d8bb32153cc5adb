# shellcheck shell=bash
# The yardstick: three nginx in a row, each a process group of its own as our actors are: TLS front -> TLS middle hop -> plain
# application, HTTP/1.1 with connections kept alive between them, no authentication, no logs. Unprivileged, everything in one
# folder. TLS as ours: version 1.3, ECDSA P-256 certificates, X25519.
#
#   nginx_start FOLDER PORT CERT KEY BODY-BYTES HEADER-BYTES   listens on PORT, PORT+1, PORT+2
#   nginx_stop FOLDER
#   nginx_pids FOLDER       all master and worker processes

nginx_bin() { command -v nginx || echo /usr/sbin/nginx; }

# nginx_common FOLDER NAME: what the three configurations share.
nginx_common() {
  cat <<CONF
pid $1/$2.pid;
daemon on;
worker_processes auto;
$([[ $EUID == 0 ]] && echo 'user root;')
error_log $1/$2.log warn;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path $1/tmp-$2;
  proxy_temp_path $1/tmp-$2;
  fastcgi_temp_path $1/tmp-$2;
  uwsgi_temp_path $1/tmp-$2;
  scgi_temp_path $1/tmp-$2;
  tcp_nodelay on;
  keepalive_timeout 600s;
  keepalive_requests 100000000;
  ssl_protocols TLSv1.3;
  ssl_ecdh_curve X25519;
  ssl_session_cache shared:s:4m;
CONF
}

# nginx_proxy FOLDER NAME PORT SCHEME NEXT-PORT CERT KEY
nginx_proxy() {
  nginx_common "$1" "$2"
  cat <<CONF
  upstream next {
    server 127.0.0.1:$5;
    keepalive 512;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
  }
  server {
    listen 127.0.0.1:$3 ssl backlog=4096;
    ssl_certificate $6;
    ssl_certificate_key $7;
    location / {
      proxy_pass $4://next;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host \$host;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_session_reuse on;
    }
  }
}
CONF
}

# nginx_application FOLDER PORT BODY-BYTES HEADER-BYTES
nginx_application() {
  local body padding
  body=$(printf '%*s' "$3" '' | tr ' ' 'x')
  padding=$(printf '%*s' "$4" '' | tr ' ' 'y')
  nginx_common "$1" application
  cat <<CONF
  server {
    listen 127.0.0.1:$2 backlog=4096;
    location / {
      default_type text/plain;
      add_header X-Padding "$padding";
      return 200 "$body";
    }
  }
}
CONF
}

nginx_start() {
  local folder=$1 port=$2 cert=$3 key=$4 name
  mkdir -p "$folder"
  nginx_proxy "$folder" front "$port" https $((port + 1)) "$cert" "$key" >"$folder/front.conf"
  nginx_proxy "$folder" middle $((port + 1)) http $((port + 2)) "$cert" "$key" >"$folder/middle.conf"
  nginx_application "$folder" $((port + 2)) "$5" "$6" >"$folder/application.conf"
  # With `daemon on` nginx returns when it listens.
  for name in application middle front; do
    "$(nginx_bin)" -p "$folder" -e "$folder/$name.log" -c "$folder/$name.conf" || {
      cat "$folder/$name.log" >&2
      return 1
    }
  done
}

nginx_stop() {
  local name pid
  for name in front middle application; do
    [[ -s $1/$name.pid ]] || continue
    pid=$(<"$1/$name.pid")
    kill -TERM "$pid" 2>/dev/null && tail --pid="$pid" -f /dev/null
  done
}

nginx_pids() {
  local name master
  for name in front middle application; do
    master=$(<"$1/$name.pid")
    echo "$master"
    pgrep -P "$master"
  done
}
