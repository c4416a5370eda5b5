# blemish in a container, not run as root:
#   docker build -t blemish .
#   docker run --rm -v "$PWD:/work" blemish blemish fit data/tile -o tile.onnx
# As a machine of a Ray cluster (deploy/raycluster.yaml), with what Ray is asked whether it is well:
#   docker build -t blemish:ray --build-arg EXTRAS=ray --build-arg MORE='ray[default]' .
FROM python:3.12-slim AS build
ARG EXTRAS=
ARG MORE=
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
RUN pip install --no-cache-dir --prefix /installed "/source${EXTRAS:+[$EXTRAS]}" $MORE

FROM python:3.12-slim
# KubeRay looks with wget whether a machine is well.
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home blemish
COPY --from=build /installed /usr/local
ENV ORT_DISABLE_TELEMETRY=1 RAY_USAGE_STATS_ENABLED=0
USER 1000
WORKDIR /work
CMD ["blemish", "--help"]
