import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

it("the README's first flow runs as it stands", async () => {
  const readme = await readFile(join(import.meta.dirname, "../../../README.md"), "utf8")
  const snippet = /^```js\n([\s\S]*?)^```$/m.exec(readme)?.[1]
  expect(snippet).toContain('from "sluice"')
  // Inside this package, `sluice` is the package itself: its sources, as its users import them.
  const args = ["--conditions=@sluice/source", "--input-type=module", "--eval", snippet!]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: join(import.meta.dirname, "..") })
  expect(stdout).toBe("On the way, rivers move stones and sand.\nBread needs flour, water, salt and time.\n")
  expect(stderr).toBe("")
}, 60_000)
