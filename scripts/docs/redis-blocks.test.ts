import { mkdtempSync, rmSync } from "node:fs"
import path from "node:path"
import { describe, expect, it } from "vitest"
import { findServer, startServer } from "../../packages/redis/test/redis-server.ts"
import { redisBlocks, runRedisBlocks, writeRedisBlocks } from "./redis-blocks.ts"
import { startPagesVendor } from "./run-block.ts"

const root = path.join(import.meta.dirname, "../..")
const program = findServer()

it("a block that is marked no-run and run by nobody is told", () => {
  const blocks = redisBlocks(root)
  expect(blocks).toHaveLength(6)
  expect(() => writeRedisBlocks("/nowhere", blocks.slice(1))).toThrow(/scripts\/docs\/redis-blocks\.ts/)
  expect(() => writeRedisBlocks("/nowhere", [...blocks, { page: "README.md", code: "x" }])).toThrow(/not run/)
})

/** From the sources; `pnpm check:pack` does the same from what is published, with the types. */
describe.skipIf(program === undefined)("the code of the pages that needs a Redis", () => {
  it("runs as it stands", { timeout: 120_000 }, async () => {
    const folder = mkdtempSync(path.join(root, "scripts/docs/reader/.redis-blocks-"))
    const redis = await startServer(program!)
    const { vendor, env } = await startPagesVendor()
    try {
      writeRedisBlocks(folder, redisBlocks(root))
      await runRedisBlocks(folder, { ...env, REDIS_URL: redis.url }, ["--conditions=@sluice/source"])
      expect(vendor.stats()).toMatchObject({ arrived: 6, answered: 6 })
    } finally {
      await vendor.stop()
      await redis.stop()
      rmSync(folder, { recursive: true })
    }
  })
})
