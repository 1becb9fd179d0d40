# One image per service:  docker build --build-arg SERVICE=delivery .
# SERVICE is ingest, subscriptions, delivery, recorder or demo-receiver. See docs/compose.md.

FROM node:24-bookworm-slim AS base
WORKDIR /app
# npm's cache has a place that depends on no user; all stages, and all five images, share it.
ENV TURBO_TELEMETRY_DISABLED=1 npm_config_update_notifier=false npm_config_cache=/var/cache/npm

# What the service needs of this repository. Turbo comes in the version of the lock file.
FROM base AS prune
ARG SERVICE
COPY package-lock.json ./
RUN --mount=type=cache,target=/var/cache/npm \
    npm install --global "turbo@$(node -p 'require("./package-lock.json").packages["node_modules/turbo"].version')"
COPY . .
RUN turbo prune "@milena/$SERVICE" --docker

FROM base AS build
ARG SERVICE
COPY --from=prune /app/out/json/ ./
RUN --mount=type=cache,target=/var/cache/npm npm ci --ignore-scripts
COPY --from=prune /app/out/full/ ./
COPY scripts/bundle.mjs scripts/
RUN npx turbo run build --filter="@milena/$SERVICE" \
 && mkdir /built && mv */"$SERVICE"/dist /built/

# What the bundle looks for at run time. Prune keeps the packages that tests need, and the log's package names the
# embedded log of the all-in-one: both go. Offline, so that a missing workspace is never asked of a registry.
FROM base AS dependencies
ARG SERVICE
COPY --from=prune /app/out/json/ ./
RUN --mount=type=cache,target=/var/cache/npm \
    npm ci --omit=dev --ignore-scripts \
 && rm -rf packages/testing \
 && if [ -d packages/log ]; then npm pkg delete dependencies.lmdb --workspace=@milena/log; fi \
 && npm prune --omit=dev --ignore-scripts --offline \
 && rm -rf node_modules/@milena node_modules/.bin \
 && find node_modules -type d -empty -delete \
 && mkdir -p "/needed/services/$SERVICE" && mv node_modules /needed/ \
 && find */"$SERVICE" -maxdepth 1 -name node_modules -exec mv {} "/needed/services/$SERVICE/" ';'

FROM node:24-bookworm-slim
ARG SERVICE
# Asked by the health check: /health while the process lives, /ready once it takes work.
ARG HEALTHCHECK_URL=http://127.0.0.1:9090/health
ENV NODE_ENV=production HEALTHCHECK_URL=${HEALTHCHECK_URL}
# At the depth of services/* in the repository, so that source maps name the right files.
WORKDIR /app/services/${SERVICE}
COPY --from=dependencies /needed/ /app/
COPY --from=build /built/ ./
USER node
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.HEALTHCHECK_URL).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The work of a process is one thread's, that of the all-in-one two's (ADR 0027): collections of young memory that share the
# work out among threads of V8's own cost more CPU than they save time. What a batch holds for half a second dies young when
# young memory is large: 16 MiB, the default, cost 8 % more CPU and a full collection every two seconds. The next full collection
# comes when what lives has doubled, not after the few MiB that Node would allow a small heap; each holds up the deliveries of
# some 40 ms (ADR 0023). One thread of V8's own marks for it, for four at once leave no processor to the event loop where there
# are two.
# Nothing is put into old memory because much of its kind lived long while the process started on a busy machine (ADR 0020).
# The process handles SIGTERM itself, so it may be process 1.
ENTRYPOINT ["node", "--enable-source-maps", "--no-parallel-scavenge", "--no-allocation-site-pretenuring", \
  "--min-semi-space-size=32", "--max-semi-space-size=32", "--heap-growing-percent=100", "--v8-pool-size=1", \
  "dist/main.cjs"]
