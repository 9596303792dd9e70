# The collector, from a built program: cargo build --release, or in an unpacked release BIN=. ; no secret is inside.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --no-create-home --home-dir /var/lib/pganalytics --shell /usr/sbin/nologin pganalytics \
    && install -d -m 700 -o pganalytics -g pganalytics /var/lib/pganalytics \
    && install -d -m 755 -o pganalytics -g pganalytics /var/log/pganalytics
ARG BIN=target/release
COPY ${BIN}/pganalytics /opt/pganalytics/bin/pganalytics
COPY deploy/docker/collector.sh /opt/pganalytics/bin/collector.sh
COPY deploy/docker/collector.toml /etc/pganalytics/collector.toml
USER pganalytics
# The spool, the token and the ledger outlive the container.
VOLUME /var/lib/pganalytics
HEALTHCHECK --interval=60s --timeout=10s --start-period=150s CMD ["/opt/pganalytics/bin/pganalytics", "status"]
ENTRYPOINT ["/opt/pganalytics/bin/collector.sh"]
