# The backend, from a built program: cargo build --release -p pganalytics-api, or in an unpacked release BIN=. ; no secret is
# inside: its settings come from the environment.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin pganalytics-api
ARG BIN=target/release
COPY ${BIN}/pganalytics-api /opt/pganalytics/bin/pganalytics-api
USER pganalytics-api
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q ' 200 ' <&3"]
ENTRYPOINT ["/opt/pganalytics/bin/pganalytics-api"]
CMD ["serve"]
