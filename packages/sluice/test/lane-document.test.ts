import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

it("the snippet of docs/vendor-batches.md runs as it stands", async () => {
  const page = await readFile(join(import.meta.dirname, "../../../docs/vendor-batches.md"), "utf8")
  const snippet = /^```js\n([\s\S]*?)^```$/m.exec(page)?.[1]
  const args = ["--conditions=@sluice/source", "--input-type=module", "--eval", snippet!]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: join(import.meta.dirname, "..") })
  expect(stdout).toBe("a batch of 2\n2 summaries\n")
  expect(stderr).toBe("")
}, 60_000)
