export * from "../../packages/otel/src/index.ts"
