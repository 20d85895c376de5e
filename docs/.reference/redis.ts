export * from "../../packages/redis/src/index.ts"
