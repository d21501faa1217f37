# Two stages: the first builds with the whole toolchain, the second runs as a user without rights.
# Debian, not Alpine: the Temporal SDK's native part needs glibc.
FROM node:24.11.1-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# The install above runs no scripts; `prepare` patches the database driver and builds.
RUN npm run prepare && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24.11.1-bookworm-slim
# The SDK needs the certificate store even where TLS is off.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates tini \
  && rm -rf /var/lib/apt/lists/*
# A small young generation: the worker's memory then stays flat, however many records a run has.
ENV NODE_ENV=production TZ=UTC NODE_OPTIONS=--max-semi-space-size=2
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node", "dist/worker/main.js"]
