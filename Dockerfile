# syntax=docker/dockerfile:1

# The image of asset-bridge, and with `--target dagster` that of the Dagster in docker-compose.yml.
#
# Tags move: for a build that can be repeated, give each image with its digest, as in
#   docker build --build-arg PYTHON_IMAGE=python:3.13-slim-bookworm@sha256:… .
ARG PYTHON_IMAGE=python:3.13-slim-bookworm
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13.9

FROM ${UV_IMAGE} AS uv


# What both images are built with; nothing of it but the finished environment gets into them.
FROM ${PYTHON_IMAGE} AS build
COPY --from=uv /uv /usr/local/bin/uv
# The image's Python and no other: the environment links to it by its path, which is the same in the final stages.
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/venv \
    UV_PYTHON_DOWNLOADS=never \
    UV_PYTHON_PREFERENCE=only-system
WORKDIR /src
# Folders that belong to whoever runs the image; a volume that is mounted on one takes its owner over.
RUN mkdir -p /opt/dagster/dagster_home /opt/dagster/storage


FROM build AS build-bridge
# Dependencies first: they are installed anew when the lock changes, and not with each line of code.
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    uv sync --locked --no-dev --no-editable --no-install-project --extra console --extra docs --extra kafka --extra postgres --extra registry --extra tracing
COPY . .
# The builder of our wheel is what no lock names: the newest hatchling that pyproject.toml allows.
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --no-editable --extra console --extra docs --extra kafka --extra postgres --extra registry --extra tracing


# No code of ours: a Dagster of the same lock, with its own web server and daemon.
FROM build AS build-dagster
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    uv sync --locked --no-dev --no-editable --no-install-project --extra ui --extra postgres


FROM ${PYTHON_IMAGE} AS base
# The environment brings all that is imported; the base image's own installer would only be one more thing to watch.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/pip* /usr/local/lib/python3.*/ensurepip
# HOME: where there is none, libraries look for one in a list of users that does not have this one.
ENV DAGSTER_HOME=/opt/dagster/dagster_home \
    HOME=/opt/dagster \
    PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build --chown=65532:65532 /opt/dagster /opt/dagster
WORKDIR /opt/dagster
# A number, so that Kubernetes can tell that it is not root's.
USER 65532:65532
STOPSIGNAL SIGTERM


FROM base AS dagster
COPY --from=build-dagster /opt/venv /opt/venv
LABEL org.opencontainers.image.title="Dagster beside asset-bridge" \
      org.opencontainers.image.description="Dagster's web server and daemon with PostgreSQL storage, for docker-compose.yml"
# Overridden by each service of docker-compose.yml.
CMD ["dagster", "--help"]


# The last stage is the default. No HEALTHCHECK: Kubernetes passes it over, and serve and consume answer on different
# ports; docker-compose.yml has one for each.
FROM base AS bridge
COPY --from=build-bridge /opt/venv /opt/venv
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="asset-bridge" \
      org.opencontainers.image.description="Asset events from Kafka and HTTP, recorded in Dagster or dead-lettered, never lost" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENTRYPOINT ["asset-bridge"]
CMD ["--help"]
