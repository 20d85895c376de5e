import { execFile } from "node:child_process"
import { readdirSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"

const examples = join(import.meta.dirname, "../../../examples")

// The demo prints figures of its own run; demo.test.ts reads those.
const names = readdirSync(examples).filter((name) => name !== "summarise-docs")

it.each(names)(
  "%s prints what its README shows",
  async (name) => {
    const readme = await readFile(join(examples, name, "README.md"), "utf8")
    const shown = /^```text\n([\s\S]*?)^```$/m.exec(readme)?.[1]
    const { stdout } = await promisify(execFile)(process.execPath, [
      "--conditions=@sluice/source",
      join(examples, name, "main.ts"),
    ])
    // How many overlap depends on the machine; everything else does not.
    const steady = (text = ""): string => text.replace(/up to \d+ at once/, "up to … at once")
    expect(steady(stdout)).toBe(steady(shown))
  },
  60_000,
)
