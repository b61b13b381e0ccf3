# The emulator as one static binary on an empty file system.
#
#   docker build -t planet-emulator .
#
# needs BuildKit: the default since Docker 23, `DOCKER_BUILDKIT=1` before. There is no `# syntax=` line on purpose: it
# would fetch a Dockerfile front end over the network, and nothing here needs a newer one than the engine brings.

# Where the image's binary is from: `compiled` here, or `prebuilt` by `.ci/build-static target/image/planet-emulator`
# beforehand, for machines that can reach no image registry. BuildKit skips the stage that is not asked for.
ARG BINARY=compiled

FROM rust:1-slim-bookworm AS compiled
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    .ci/build-static /planet-emulator

FROM scratch AS prebuilt
COPY target/image/planet-emulator /planet-emulator

FROM ${BINARY} AS binary

FROM scratch
LABEL org.opencontainers.image.title="planet-emulator" \
      org.opencontainers.image.description="LINE Planet Cloud's Audio Caller on one's own machine" \
      org.opencontainers.image.licenses="MIT"

# On the default PATH, so that `docker exec CONTAINER planet-emulator call …` works as it does outside.
COPY --from=binary /planet-emulator /usr/local/bin/planet-emulator

# `planet-emulator.yaml` and the folder `scenarios` are looked for here: mount them at /emulator/….
WORKDIR /emulator

# A number, because an empty file system has no /etc/passwd in which to find a name.
USER 65532:65532

# Loopback, the default, would be reachable from inside the container alone.
ENV PLANET_EMULATOR_LISTEN=0.0.0.0:7526
EXPOSE 7526

# Often, because others wait for it with `service_healthy`, and one probe takes milliseconds.
HEALTHCHECK --interval=2s --timeout=2s --start-period=10s --retries=3 \
    CMD ["/usr/local/bin/planet-emulator", "healthcheck"]

ENTRYPOINT ["/usr/local/bin/planet-emulator"]
