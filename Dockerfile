# The lab's images, on Debian 13. docker-compose.yml builds them; docs/containers.md tells how they are used.
#
#   actor     what idp, cloud, connector and backend run in: their programs, their libraries, no Kerberos server
#   kdc       the same with MIT's krb5kdc and our database module
#   operator  one-shot work on the whole lab: makes keys and tickets, hands them out, shows traces
#
# Written for Docker's old builder as well as for BuildKit, and with this one base, so that it also builds where no
# registry can be reached and the base was made by debootstrap (tests/containers/run does that).

FROM debian:trixie-slim AS build
WORKDIR /src
COPY packages.txt ./
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $(awk '$1 == "build" { print $2 }' packages.txt) \
  && rm -rf /var/lib/apt/lists/*
COPY . .
RUN cmake --preset release -DCMAKE_C_FLAGS_RELWITHDEBINFO="-O2 -DNDEBUG" && cmake --build --preset release


FROM debian:trixie-slim AS actor
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    curl libcurl4t64 libfyaml0 libgssapi-krb5-2 libjansson4 libjwt2 libkrb5-3 libmicrohttpd12t64 libnghttp2-14 libsqlite3-0 \
    libssl3t64 libuv1t64 zlib1g \
  && rm -rf /var/lib/apt/lists/*
# Docker gives a new volume the owner and the mode of the folder that it is mounted on.
RUN useradd --system --uid 10001 --no-create-home --home-dir /var/lib/sevenstep --shell /usr/sbin/nologin sevenstep \
  && install -d -m 0700 -o sevenstep -g sevenstep /var/lib/sevenstep
COPY --from=build /src/build/release/bin/sevenstep-idp /src/build/release/bin/sevenstep-cloud \
  /src/build/release/bin/sevenstep-connector /src/build/release/bin/sevenstep-backend /usr/local/bin/
ENV SEVENSTEP_RUN=/var/lib/sevenstep SEVENSTEP_LAB=/var/lib/sevenstep/lab.yaml KRB5_CONFIG=/var/lib/sevenstep/krb5.conf
WORKDIR /var/lib/sevenstep
USER sevenstep


FROM actor AS kdc
USER root
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends krb5-kdc libkadm5srv-mit12 libkdb5-10t64 libldap2 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/build/release/bin/sevenstep-kdc /usr/local/bin/
COPY --from=build /src/build/release/lib/kdb/sevenstep.so /usr/local/lib/sevenstep/kdb/
USER sevenstep


FROM kdc AS operator
USER root
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends jq openssl \
  && rm -rf /var/lib/apt/lists/*
RUN install -d -m 0700 -o sevenstep -g sevenstep /volumes /volumes/setup /volumes/pki /volumes/idp /volumes/cloud \
    /volumes/backend /volumes/connector-1 /volumes/connector-2 /volumes/connector-3 \
  && ln -s /var/lib/sevenstep /volumes/kdc
COPY --from=build /src/build/release/bin/sevenstep-lab /src/build/release/bin/sevenstep-trace \
  /src/build/release/bin/sevenstep-cloud /usr/local/bin/
COPY pki/provision containers/operate /usr/local/lib/sevenstep/
COPY cli/common.sh cli/change.sh cli/connector.sh /usr/local/lib/sevenstep/cli/
WORKDIR /
USER sevenstep
ENTRYPOINT ["/usr/local/lib/sevenstep/operate"]
CMD ["setup"]
