import { define } from "@sluice/core"
import { expect, test } from "vitest"
import { bullExecutor, bullWorker } from "../src/index.ts"

const node = define<object>().batch({ name: "node", prep: () => [1], exec: (n: number) => n })
// Nobody listens there: what is wrong is said before anything connects.
const connection = { port: 1 }

test("a misspelt option is named with the nearest, and a wrong value with what is wanted", () => {
  expect(() => bullExecutor(node, { connection, chunks: 5 } as never)).toThrow(
    'bullExecutor: unknown option "chunks". Did you mean "chunk"?',
  )
  expect(() => bullExecutor(node, { connection, chunk: 0 })).toThrow("bullExecutor: chunk must be")
  expect(() => bullExecutor(node, {} as never)).toThrow("bullExecutor: connection must be")
  expect(() => bullWorker(node, { connection, lockms: 5 } as never)).toThrow(
    'bullWorker: unknown option "lockms". Did you mean "lockMs"?',
  )
  expect(() => bullWorker(node, { connection, concurrency: 1.5 })).toThrow("bullWorker: concurrency must be")
})
