# An image of Vultus, for amd64 and arm64: docker build -t vultus .
# The data is on the volume /data; the root may be read-only. docs/operations.md says how to run it.

# Debian 12, or what has its Python 3.11 packages; another one by --build-arg BASE=...
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
# binutils: to strip debug symbols.
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-venv binutils ca-certificates
# A package index of your own, and its certificate: docker build --secret id=pip.conf,src=... --secret id=ca.pem,src=...
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1
WORKDIR /build
COPY requirements.lock requirements-dev.lock ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/ca.pem \
    if [ -s /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi; \
    python3 -m venv /opt/vultus \
 && /opt/vultus/bin/pip install --require-hashes -r requirements.lock
# Further packages by name, with the versions and hashes that the tests run with: "faiss-cpu", "psycopg psycopg-binary".
ARG PACKAGES=
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY clients/python clients/python
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/ca.pem \
    if [ -s /run/ca.pem ]; then export PIP_CERT=/run/ca.pem; fi; \
    /opt/vultus/bin/pip install --no-deps --no-build-isolation . ./clients/python \
 && for package in $PACKAGES; do \
      awk -v wanted="$package" '/^[^ ]/ { split($0, part, "=="); on = part[1] == wanted } on' requirements-dev.lock \
        > package.lock \
      && grep -q . package.lock || { echo "$package is not in requirements-dev.lock"; exit 1; } \
      && /opt/vultus/bin/pip install --require-hashes --no-deps -r package.lock || exit 1; \
    done
# int8: the networks for processors with AVX2, VNNI or Arm's i8mm, and for others, which compute them slower.
# auto: these and the float networks, 133 MB more.
ARG PRECISION=int8
COPY deploy/image deploy/image
RUN /opt/vultus/bin/python deploy/image/prepare_models.py /opt/vultus/models "$PRECISION" \
 && /opt/vultus/bin/pip uninstall --yes --quiet --requirement deploy/image/left-out.txt \
 && sh deploy/image/slim.sh /opt/vultus \
 && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/vultus/lib

FROM ${BASE}
ARG PRECISION=int8
LABEL org.opencontainers.image.title="Vultus" \
      org.opencontainers.image.description="Self-hosted face recognition over HTTP, on a CPU" \
      org.opencontainers.image.licenses="MIT" \
      vultus.precision="${PRECISION}"
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/* \
 && useradd --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin vultus \
 && install -d -m 0700 -o vultus -g vultus /data /data/photos
COPY --from=build /opt/vultus /opt/vultus
ENV PATH=/opt/vultus/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    VULTUS_HOST=0.0.0.0 \
    VULTUS_PORT=8000 \
    VULTUS_DATA_DIR=/data \
    VULTUS_MODEL_DIR=/opt/vultus/models \
    VULTUS_PRECISION=${PRECISION}
USER 10001:10001
WORKDIR /data
# Loads every library and every network, and compares what the networks answer to drawn faces.
RUN vultus doctor
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["vultus", "health"]
ENTRYPOINT ["vultus"]
CMD ["serve"]
