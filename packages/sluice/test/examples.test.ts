import { execFile } from "node:child_process"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, it } from "vitest"
import { exampleNames, freeExample } from "../../../scripts/examples/example-names.ts"

const root = join(import.meta.dirname, "../../..")
const examples = join(root, "examples")

// The demo prints figures of its own run; demo.test.ts reads those.
const names = exampleNames(root).filter((name) => name !== freeExample)

it.concurrent.each(names)(
  "%s prints what its README shows",
  async (name) => {
    const readme = await readFile(join(examples, name, "README.md"), "utf8")
    const shown = /^```text\n([\s\S]*?)^```$/m.exec(readme)?.[1]
    // As `pnpm example` does it; an exit code other than 0 rejects.
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, "scripts/examples/example.ts"), name])
    // How many overlap, and how processes share a minute, depends on the machine; everything else does not.
    const steady = (text = ""): string =>
      text
        .replace(/up to \d+ at once/, "up to … at once")
        .replaceAll(/\b(one|two|three) [3-7]\d\b/g, "$1 …")
        .replace(/^[0-5] calls were refused/m, "… calls were refused")
    expect(steady(stdout)).toBe(steady(shown))
  },
  60_000,
)
