import { hash } from "node:crypto"
import { SluiceError } from "@sluice/core"
import type { GroupCommit } from "../file/group-commit.ts"
import { translating } from "../journal-error.ts"
import { canonicalJson, plainJson } from "../values/plain-json.ts"
import { parseStored } from "../values/records.ts"
import { redactPlain } from "../file/redact-secrets.ts"
import type { Database } from "../file/sqlite-module.ts"

/** Answers by request, in the journal's file, shared by all its runs. Opt in with `cachedCall` or `cachedFetch`. */
export class ResponseCache {
  readonly #database: Database
  readonly #path: string
  readonly #commits: GroupCommit
  readonly #wallNow: () => number
  readonly #secrets: readonly string[]

  /** @internal */
  constructor(
    database: Database,
    path: string,
    commits: GroupCommit,
    wallNow: () => number,
    secrets: readonly string[],
  ) {
    this.#database = database
    this.#path = path
    this.#commits = commits
    this.#wallNow = wallNow
    this.#secrets = secrets
  }

  /** Names a request: equal plain data, equal name. Only this hash is stored, not the request. */
  keyOf(request: unknown): string {
    const text = canonicalJson(request, refuse("A request cannot be cached"))
    return hash("sha256", text, "hex").slice(0, 32)
  }

  get(key: string): unknown {
    const row = translating(this.#path, () =>
      this.#database.prepare("SELECT value FROM responses WHERE request = ?").get(Buffer.from(key, "hex")),
    )
    return row && parseStored(row["value"], this.#path, `answer ${key}`)
  }

  /** Resolves when the answer is durable. */
  async put(key: string, value: unknown): Promise<void> {
    const text = plainJson(value, refuse("An answer cannot be cached"), (one) => redactPlain(one, this.#secrets))
    const at = this.#wallNow()
    await this.#commits.add(() => {
      this.#database
        .prepare("INSERT INTO responses VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")
        .run(Buffer.from(key, "hex"), text, at)
    })
  }
}

function refuse(what: string): (problem: string) => SluiceError {
  return (problem) => new SluiceError("not-serialisable", `${what}: ${problem}.`)
}
