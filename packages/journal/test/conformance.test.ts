import { testJournal } from "@sluice/lab"
import { openJournal, type SqliteJournal } from "@sluice/journal"
import { describe, it } from "vitest"
import { temporaryJournal } from "./temporary.ts"

testJournal(
  () => {
    const path = temporaryJournal()
    return { open: () => openJournal({ path }), close: (journal) => (journal as SqliteJournal).close() }
  },
  { describe, it },
)
