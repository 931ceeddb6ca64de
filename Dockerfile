# One image for every role: the command picks one of api, worker, combined, migrate, simulator and mail sink
# (docker-compose.yml has them all). Debian, because the Temporal SDK's native core needs glibc.

FROM node:24-bookworm-slim AS build
WORKDIR /app
# The lockfile names a package of this project, so npm wants to see it.
COPY package.json package-lock.json .npmrc ./
COPY tools/node-runtime tools/node-runtime
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY db db
RUN npm run build

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools/node-runtime tools/node-runtime
# The SDK brings its native core for five platforms and in Rust source: 120 MB that this one never loads.
# What .npmrc includes for a clone, where NODE_ENV may be anything, is not wanted here.
RUN npm ci --omit=dev --include=prod \
  && cd node_modules/@temporalio/core-bridge \
  && find releases -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -rf {} + \
  && rm -rf sdk-core src

FROM node:24-bookworm-slim
# The native core reads the system's certificates, which the slim image lacks. tini is a proper process 1.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates tini \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /data
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
# The image's user `node`, by number, so that an orchestrator can see that it is not root.
USER 1000:1000
# Memory of a process, a third less at the same speed (`npm run bench`): glibc gives threads up to eight heaps per core, each
# of which keeps what it has freed, and V8 three times 16 MiB of young objects to each of its threads.
ENV MALLOC_ARENA_MAX=2
ENV NODE_OPTIONS=--max-semi-space-size=8
# Liveness, of a worker too: an orchestrator that restarts what is unhealthy restarts a process whose event loop is blocked,
# and none because Temporal is away.
ENV HEALTHCHECK_URL=http://127.0.0.1:9465/live
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.HEALTHCHECK_URL).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/src/server.js"]
