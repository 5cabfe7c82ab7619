# docker build -t misstep . && docker run --read-only --tmpfs /tmp --memory 640m -p 4317:4317 -p 4318:4318 misstep
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts && rm -rf dist/bench dist/scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY LICENSE NOTICE ./
COPY config/container.yaml /etc/misstep/config.yaml
USER node
EXPOSE 4317 4318 13133
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["node", "dist/bin/misstep.js", "health"]
ENTRYPOINT ["node", "--enable-source-maps", "dist/bin/misstep.js"]
CMD ["run", "--config", "/etc/misstep/config.yaml"]
