# One image for every role and for the command itself: `docker run … longshore dumper`, `docker run … longshore tsdb migrate …`.
# Targets: `runtime` (the default), and `dev`, which has no sources of its own: mount a checkout at /src.

# Node as in pnpm-workspace.yaml. Redis is for a fleet of its own inside one container; tini hands on signals and takes in orphans.
FROM node:26.10.0-trixie-slim AS base
RUN apt-get update \
  && apt-get install -y --no-install-recommends redis-server tini \
  && rm -rf /var/lib/apt/lists/*

# Sources run as they are, by type stripping, which Node refuses below node_modules: so the workspace is kept in its own shape.
FROM base AS build
WORKDIR /app
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
RUN npx -y pnpm@12.21.0 fetch --prod
COPY apps apps
COPY packages packages
RUN npx -y pnpm@12.21.0 install --offline --frozen-lockfile --prod

FROM base AS dev
RUN apt-get update \
  && apt-get install -y --no-install-recommends git procps \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /src
USER node
WORKDIR /src
ENTRYPOINT ["tini", "--"]
CMD ["bash"]

FROM base AS runtime
COPY --from=build /app /app
COPY deploy/health.ts deploy/metrics-token.sh /app/deploy/
# Volumes take over the owner of the directory they are mounted on.
RUN chmod 0755 /app/apps/cli/src/main.ts \
  && ln -s /app/apps/cli/src/main.ts /usr/local/bin/longshore \
  && install -d -o node -g node /var/lib/longshore /var/spool/longshore /run/longshore /run/longshore-tokens
# A command that is told of no API brings its fleet along and ends with it.
ENV NODE_ENV=production LONGSHORE_HOME=/var/lib/longshore LONGSHORE_IN_PROCESS=1
USER node
WORKDIR /var/lib/longshore
VOLUME ["/var/lib/longshore"]
# Asks what LONGSHORE_HEALTH names; a command that serves nothing names nothing, and is well as long as it runs.
HEALTHCHECK --interval=10s --timeout=5s --start-period=40s CMD ["node", "/app/deploy/health.ts"]
ENTRYPOINT ["tini", "--", "longshore"]
CMD ["--help"]
