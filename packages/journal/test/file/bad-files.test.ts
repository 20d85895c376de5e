import { execFileSync, spawn } from "node:child_process"
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { SluiceError } from "@sluice/core"
import { openJournal } from "@sluice/journal"
import { expect, onTestFinished, test } from "vitest"
import { ended } from "../child.ts"
import { temporaryFolder, temporaryJournal } from "../temporary.ts"

const item = (index: number) => ({ node: "n", visit: 0, params: {}, index, input: index })

async function filled(path: string, count: number, value = "x".repeat(1_000)): Promise<void> {
  await using journal = openJournal({ path, synchronous: "normal" })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  const settles = Array.from({ length: count }, (_, index) =>
    run.settle(item(index), { status: "ok", index, value, attempts: 1 }),
  )
  await Promise.all(settles)
  await run.end("ok")
}

function errorOf(fn: () => unknown): SluiceError {
  try {
    fn()
  } catch (error) {
    if (SluiceError.isInstance(error)) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

test("a file of another kind is refused and left as it was", () => {
  const path = temporaryJournal()
  writeFileSync(path, "my shopping list, which is long enough")
  const error = errorOf(() => openJournal({ path }))
  expect(error.code).toBe("journal-unreadable")
  expect(error.message).toContain(`${path} is not a journal`)
  expect(readFileSync(path, "utf8")).toBe("my shopping list, which is long enough")
})

test("a database of another program is refused and left as it was", () => {
  const path = temporaryJournal()
  const database = new DatabaseSync(path)
  database.exec("CREATE TABLE t (a)")
  database.close()
  const before = readFileSync(path)
  expect(errorOf(() => openJournal({ path })).message).toMatch(/a database of another program/)
  expect(readFileSync(path).equals(before)).toBe(true)
})

test("a journal of a newer version asks for an upgrade", async () => {
  const path = temporaryJournal()
  await filled(path, 1)
  const database = new DatabaseSync(path)
  database.exec("PRAGMA user_version = 99")
  database.close()
  for (const readOnly of [false, true]) {
    const error = errorOf(() => openJournal({ path, readOnly }))
    expect(error.code).toBe("journal-version")
    expect(error.message).toMatch(/schema 99; this one knows 1/)
  }
})

test("damage in the middle: everything around it is read, then the error says so", async () => {
  const path = temporaryJournal()
  await filled(path, 2_000)
  const size = statSync(path).size
  const file = openSync(path, "r+")
  writeSync(file, Buffer.alloc(4_096 * 3, 0xff), 0, 4_096 * 3, Math.floor(size / 2 / 4_096) * 4_096)
  closeSync(file)
  const journal = openJournal({ path, readOnly: true })
  const read = new Set<number>()
  const error = errorOf(() => {
    for (const { index } of journal.items("r")) {
      expect(read.has(index ?? -1)).toBe(false)
      read.add(index ?? -1)
    }
  })
  expect(error.code).toBe("journal-unreadable")
  expect(error.message).toContain(path)
  expect(read.has(0) && read.has(1_999)).toBe(true)
  expect(read.size).toBeGreaterThan(1_500)
  expect(read.size).toBeLessThan(2_000)
  await journal.close()
})

test("a record that does not fit its schema is told by its number", async () => {
  const path = temporaryJournal()
  await filled(path, 3)
  const database = new DatabaseSync(path)
  database.exec("UPDATE items SET value = '{half' WHERE item = 2")
  database.close()
  const journal = openJournal({ path })
  const run = await journal.openRun({ runId: "r", flow: "f" })
  expect(run.lookup(item(0))?.status).toBe("ok")
  expect(errorOf(() => run.lookup(item(1))).message).toMatch(/record 2 is damaged \(value: it is not JSON\)/)
  await journal.close()
})

test("a truncated file is told as damaged", async () => {
  const path = temporaryJournal()
  await filled(path, 200)
  writeFileSync(path, readFileSync(path).subarray(0, 6_000))
  const error = errorOf(() => {
    const journal = openJournal({ path })
    onTestFinished(() => journal.close())
    return [...journal.items("r")]
  })
  expect(error.code).toBe("journal-unreadable")
})

test("a folder that is missing or cannot be written is told before anything runs", () => {
  const missing = join(temporaryFolder(), "no", "such", "run.journal")
  expect(errorOf(() => openJournal({ path: missing }))).toMatchObject({ code: "journal-write" })
  expect(errorOf(() => openJournal({ path: "/proc/run.journal" })).message).toMatch(
    /Cannot write the journal \/proc\/run\.journal: .*Make its folder writable/,
  )
  expect(errorOf(() => openJournal({ path: missing, readOnly: true })).message).toMatch(/There is no journal at/)
})

const asRoot = process.getuid?.() === 0

test.skipIf(asRoot)("a folder without write permission", () => {
  const folder = temporaryFolder()
  chmodSync(folder, 0o500)
  expect(errorOf(() => openJournal({ path: join(folder, "j") }))).toMatchObject({ code: "journal-write" })
})

function mountTmpfs(options: string): string | undefined {
  const folder = temporaryFolder()
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" })
  } catch {
    return undefined
  }
  onTestFinished(() => void execFileSync("umount", [folder]))
  return folder
}

test("a journal in a read-only file system can be read, not written", async ({ skip }) => {
  const folder = mountTmpfs("size=4m")
  if (!folder) return skip("needs the right to mount")
  const path = join(folder, "j")
  await filled(path, 3)
  execFileSync("mount", ["-o", "remount,ro", folder])
  expect(errorOf(() => openJournal({ path }))).toMatchObject({ code: "journal-write" })
  const journal = openJournal({ path, readOnly: true })
  expect([...journal.items("r")].length).toBe(3)
  await journal.close()
})

test("a full disk: settle rejects and says so, what was settled stays, and with space the run goes on", async ({
  skip,
}) => {
  const folder = mountTmpfs("size=1m")
  if (!folder) return skip("needs the right to mount")
  const path = join(folder, "j")
  const value = "x".repeat(10_000)
  let journal = openJournal({ path })
  let run = await journal.openRun({ runId: "r", flow: "f" })
  const settle = (index: number) => run.settle(item(index), { status: "ok", index, value, attempts: 1 })
  let settled = 0
  const fill = async (): Promise<void> => {
    for (; settled < 1_000; settled++) await settle(settled)
  }
  const failure = await fill().catch((error: unknown) => error)
  expect(failure).toMatchObject({
    code: "journal-write",
    message: expect.stringMatching(/disk is full|disk did not take/),
  })
  expect(settled).toBeGreaterThan(10)
  execFileSync("mount", ["-o", "remount,size=8m", folder])
  await settle(settled++)
  await journal.close()
  journal = openJournal({ path })
  run = await journal.openRun({ runId: "r", flow: "f" })
  for (let index = 0; index < settled; index++) expect(run.lookup(item(index))).toMatchObject({ value })
  await journal.close()
})

test.skipIf(process.platform === "win32")("a file that may not grow (ulimit): as a full disk", async () => {
  const path = temporaryJournal()
  const program = join(import.meta.dirname, "../fixtures", "settle-items.ts")
  const script = `trap '' XFSZ; ulimit -f 400; exec "$0" --conditions=@sluice/source "$1" "$2" 2000 1000`
  const { stdout } = await ended(spawn("bash", ["-c", script, process.execPath, program, path]))
  const settled = stdout.match(/^settled \d+$/gm) ?? []
  expect(stdout).toMatch(/^error journal-write: /m)
  expect(settled.length).toBeGreaterThan(10)
  expect(settled.length).toBeLessThan(2_000)
  await using journal = openJournal({ path })
  const kept = new Set([...journal.items("chaos")].map(({ index }) => `settled ${index}`))
  expect(settled.filter((line) => !kept.has(line))).toEqual([])
})

test.skipIf(process.platform === "win32")(
  "the file and what SQLite puts beside it are for their owner only",
  async () => {
    const folder = temporaryFolder()
    const path = join(folder, "j")
    const journal = openJournal({ path })
    const run = await journal.openRun({ runId: "r", flow: "f" })
    await run.settle(item(0), { status: "ok", index: 0, value: "a", attempts: 1 })
    for (const suffix of ["", "-wal", "-shm"]) {
      expect(existsSync(path + suffix)).toBe(true)
      expect((statSync(path + suffix).mode & 0o777).toString(8)).toBe("600")
    }
    await journal.close()
  },
)

test("a folder in the file's place", () => {
  const path = temporaryJournal()
  mkdirSync(path)
  expect(errorOf(() => openJournal({ path }))).toMatchObject({ code: "journal-write" })
})

test("options are checked, with their names", () => {
  expect(errorOf(() => openJournal({ path: "" })).message).toMatch(/openJournal: path/)
  expect(errorOf(() => openJournal({ path: "x", secrets: ["a"] })).message).toBe(
    'openJournal: secrets.0 must be a text of at least 8 characters, since a shorter one would redact ordinary text (got "a shorter one").',
  )
  expect(errorOf(() => openJournal({ path: "x", readonly: true } as never)).message).toMatch(/Did you mean "readOnly"/)
})
