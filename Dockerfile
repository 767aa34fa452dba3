# One image for each service: docker build --build-arg SERVICE=state-tracker .
# SERVICE is a member's name with a dash: state-tracker, dependency-manager, action-service, artifact-store, registry, history,
# notifications, gateway, tracer or executors.
ARG PYTHON=3.11.14-slim-bookworm

FROM ghcr.io/astral-sh/uv:0.13.9 AS uv

FROM python:${PYTHON} AS build
ARG SERVICE
# A package's extra, such as service; may be empty.
ARG EXTRA=
COPY --from=uv /uv /bin/uv
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/app
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --frozen --no-dev --no-editable --package "penstock-${SERVICE}" ${EXTRA:+--extra "${EXTRA}"}

FROM python:${PYTHON}
ARG SERVICE
# What the image runs; the console script of that name.
ARG COMMAND=penstock-${SERVICE}
COPY --from=build /app /app
RUN groupadd --system --gid 10001 penstock \
    && useradd --system --uid 10001 --gid penstock --home-dir /data --shell /usr/sbin/nologin penstock \
    && mkdir -p /data/artifacts /data/worker /data/tracer && chown -R penstock:penstock /data \
    && ln -s "/app/bin/${COMMAND}" /app/bin/run
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /data
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["/app/bin/run"]
