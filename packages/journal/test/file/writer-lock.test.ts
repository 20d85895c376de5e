import { readFileSync } from "node:fs"
import { DatabaseSync } from "node:sqlite"
import { openJournal } from "@sluice/journal"
import { expect, test } from "vitest"
import { ended, printed, startChild } from "../child.ts"
import { temporaryJournal } from "../temporary.ts"

const held = { runId: "held", flow: "flow" }

test("a run that a living process writes is refused with its pid; once that is killed, the run is taken over", async () => {
  const path = temporaryJournal()
  const child = startChild("hold-run.ts", path)
  const end = ended(child)
  await printed(child, "open")
  const journal = openJournal({ path })
  expect(journal.runs()).toMatchObject([{ runId: "held", status: "running", pid: child.pid }])
  await expect(journal.openRun(held)).rejects.toMatchObject({
    code: "journal-locked",
    message: expect.stringMatching(new RegExp(`Run "held" in .* is being written by process ${child.pid}\\.`)),
  })
  const other = await journal.openRun({ runId: "other", flow: "flow" })
  await other.end("ok")
  child.kill("SIGKILL")
  await end
  expect(journal.runs().find((run) => run.runId === "held")).toMatchObject({ status: "interrupted", pid: undefined })
  await (await journal.openRun(held)).end("ok")
  expect(journal.runs().find((run) => run.runId === "held")).toMatchObject({ status: "ok" })
  await journal.close()
})

test("the same run cannot be open twice in one process, and is free after close", async () => {
  const path = temporaryJournal()
  const first = openJournal({ path })
  await first.openRun(held)
  const second = openJournal({ path })
  await expect(second.openRun(held)).rejects.toThrow(/written by this very process/)
  await first.close()
  await second.openRun(held)
  await second.close()
})

test.skipIf(process.platform !== "linux")(
  "a later process with the same pid does not keep the run locked",
  async () => {
    const path = temporaryJournal()
    const journal = openJournal({ path })
    await journal.openRun(held)
    await journal.close()
    const parent = process.ppid
    const stat = readFileSync(`/proc/${parent}/stat`, "utf8")
    const startedAt = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
    const claim = async (start: string | undefined): Promise<unknown> => {
      const database = new DatabaseSync(path)
      const { hostname } = await import("node:os")
      database
        .prepare("UPDATE runs SET status = 'running', writer = ?")
        .run(JSON.stringify({ pid: parent, startedAt: start, host: hostname() }))
      database.close()
      const again = openJournal({ path })
      try {
        return await again.openRun(held)
      } finally {
        await again.close()
      }
    }
    await expect(claim(startedAt)).rejects.toMatchObject({ code: "journal-locked" })
    await expect(claim("1")).resolves.toBeDefined()
  },
)

test("a process on another machine cannot be seen: refused, unless the run is taken over", async () => {
  const path = temporaryJournal()
  const journal = openJournal({ path })
  await (await journal.openRun(held)).end("ok")
  const database = new DatabaseSync(path)
  database
    .prepare("UPDATE runs SET status = 'running', writer = ?")
    .run(JSON.stringify({ pid: 1, startedAt: "1", host: "elsewhere.test" }))
  database.close()
  await expect(journal.openRun(held)).rejects.toThrow(/process 1 on elsewhere\.test, which cannot be seen from here/)
  await journal.openRun({ ...held, takeOver: true })
  await journal.close()
})
