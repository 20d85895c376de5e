import assert from "node:assert/strict"
import { SluiceError, type Journal, type Outcome, type RecordIdentity, type RunJournal } from "@sluice/core"
import type { TestFramework } from "./framework.ts"

/** A place where a journal lives: a file, a table, a bucket. */
export interface JournalPlace {
  /** Opens the journal that is there, or a new one. */
  open(): Journal | Promise<Journal>
  /** As its process would at its end. */
  close?(journal: Journal): void | Promise<void>
}

/**
 * Whether a journal keeps the contract: what is settled is found again, also by the next process, by exactly the identity it
 * was settled under; nothing else is.
 *
 * @example
 * ```ts no-run
 * testJournal(() => {
 *   const file = temporaryFile()
 *   return { open: () => openMyJournal(file), close: (journal) => (journal as MyJournal).close() }
 * }, { describe, it })
 * ```
 */
export function testJournal(create: () => JournalPlace | Promise<JournalPlace>, { describe, it }: TestFramework): void {
  const item: RecordIdentity = {
    node: "digest/summarise",
    visit: 0,
    params: { file: "a.md" },
    index: 3,
    input: { text: "long" },
  }
  const done = (value: unknown, attempts = 1): Outcome<unknown> => ({ status: "ok", index: 3, value, attempts })

  /** Does `first` with a run's journal, `second` with the same run's in the next process. */
  async function twice(
    first: (run: RunJournal) => Promise<void>,
    second: (run: RunJournal, journal: Journal) => Promise<void>,
  ): Promise<void> {
    const place = await create()
    const one = await place.open()
    await first(await one.openRun({ runId: "monday", flow: "digest" }))
    await place.close?.(one)
    const two = await place.open()
    await second(await two.openRun({ runId: "monday", flow: "digest" }), two)
    await place.close?.(two)
  }
  async function once(use: (run: RunJournal, journal: Journal) => Promise<void>): Promise<void> {
    const place = await create()
    const journal = await place.open()
    await use(await journal.openRun({ runId: "monday", flow: "digest" }), journal)
    await place.close?.(journal)
  }
  const hasCode =
    (code: string) =>
    (error: unknown): boolean =>
      SluiceError.isInstance(error) && error.code === code
  // A lookup may throw or reject.
  const lookup = async (run: RunJournal, identity: RecordIdentity): Promise<unknown> => await run.lookup(identity)

  describe("a journal", () => {
    it("knows nothing of what was not settled", () =>
      once(async (run) => assert.equal(await lookup(run, item), undefined)))

    const values = [
      undefined,
      null,
      0,
      "",
      false,
      'text \u{1f4a7} with \n and "quotes"',
      [1, [null]],
      { deep: [{ er: true }] },
    ]
    for (const value of values) {
      it(`gives back ${JSON.stringify(value) ?? "undefined"} as it was settled, in this process and the next`, () =>
        twice(
          async (run) => {
            await run.settle(item, done(value, 2))
            assert.deepEqual(await lookup(run, item), { status: "ok", value, attempts: 2 })
          },
          async (run) => assert.deepEqual(await lookup(run, item), { status: "ok", value, attempts: 2 }),
        ))
    }

    it("gives back a failure with its message, code and attempts", () =>
      twice(
        (run) =>
          run.settle(item, {
            status: "failed",
            index: 3,
            error: new SluiceError("vendor-refused", "No. Not today."),
            attempts: 6,
          }),
        async (run) => {
          const record = await run.lookup(item)
          assert.ok(record?.status === "failed")
          assert.equal(record.attempts, 6)
          assert.equal((record.error as Error).message, "No. Not today.")
          assert.equal((record.error as SluiceError).code, "vendor-refused")
        },
      ))

    it("keeps the last of two outcomes of one item", () =>
      twice(
        async (run) => {
          await run.settle(item, { status: "failed", index: 3, error: new Error("first"), attempts: 1 })
          await run.settle(item, done("then"))
        },
        async (run) => assert.deepEqual(await lookup(run, item), { status: "ok", value: "then", attempts: 1 }),
      ))

    const others: Record<string, Partial<RecordIdentity>> = {
      node: { node: "digest/translate" },
      visit: { visit: 1 },
      params: { params: { file: "b.md" } },
      input: { input: { text: "longer" } },
      version: { version: "2" },
    }
    for (const [part, other] of Object.entries(others)) {
      it(`does not take another ${part} for the same`, () =>
        twice(
          (run) => run.settle(item, done("mine")),
          async (run) => {
            assert.equal(await lookup(run, { ...item, ...other }), undefined)
            assert.notEqual(await lookup(run, item), undefined)
          },
        ))
    }

    it("does not mind the order of an object's keys", () =>
      twice(
        (run) => run.settle({ ...item, params: { a: 1, b: 2 }, input: { x: 1, y: { p: 1, q: 2 } } }, done("mine")),
        async (run) => {
          const same = { ...item, params: { b: 2, a: 1 }, input: { y: { q: 2, p: 1 }, x: 1 } }
          assert.notEqual(await lookup(run, same), undefined)
        },
      ))

    it("finds an item without a key wherever its content stands now, and gives it to one", () =>
      twice(
        (run) => run.settle(item, done("mine")),
        async (run) => {
          for (let time = 0; time < 2; time++) {
            assert.deepEqual(await lookup(run, { ...item, index: 17 }), { status: "ok", value: "mine", attempts: 1 })
            assert.equal(await lookup(run, { ...item, index: 18 }), undefined)
          }
        },
      ))

    it("keeps what is settled though another item stands in its place", () =>
      twice(
        async (run) => {
          await run.settle(item, done("mine"))
          const other = { ...item, input: { text: "another" } }
          assert.equal(await lookup(run, other), undefined)
          await run.settle(other, done("theirs"))
        },
        async (run) => assert.deepEqual(await lookup(run, item), { status: "ok", value: "mine", attempts: 1 }),
      ))

    it("finds an item by its key wherever it stands now", () =>
      twice(
        (run) => run.settle({ ...item, key: "a.md" }, done("mine")),
        async (run) => {
          assert.notEqual(await lookup(run, { ...item, key: "a.md", index: 17 }), undefined)
          assert.equal(await lookup(run, { ...item, key: "b.md" }), undefined)
        },
      ))

    it("refuses two items with one key", () =>
      once(async (run) => {
        await lookup(run, { ...item, key: "same", index: 0 })
        await lookup(run, { ...item, key: "same", index: 0 })
        await assert.rejects(
          async () => await lookup(run, { ...item, key: "same", index: 1 }),
          hasCode("duplicate-key"),
        )
      }))

    it("refuses a value that would not come back, naming the node, and stores nothing", () =>
      twice(
        async (run) => {
          const names = (error: unknown): boolean =>
            hasCode("not-serialisable")(error) && (error as Error).message.includes(item.node)
          await assert.rejects(
            async () =>
              await run.settle(
                item,
                done(() => "a function"),
              ),
            names,
          )
          await assert.rejects(async () => await run.settle(item, done({ deep: [1n] })), names)
        },
        async (run) => assert.equal(await lookup(run, item), undefined),
      ))

    it("keeps runs apart", () =>
      once(async (monday, journal) => {
        await monday.settle(item, done("monday's"))
        const tuesday = await journal.openRun({ runId: "tuesday", flow: "digest" })
        assert.equal(await lookup(tuesday, item), undefined)
        await tuesday.settle(item, done("tuesday's"))
        assert.deepEqual(await lookup(monday, item), { status: "ok", value: "monday's", attempts: 1 })
      }))

    it("stays open for others when a run has ended, and for the same run again", () =>
      once(async (run, journal) => {
        await run.settle(item, done("mine"))
        await run.end("failed")
        const other = await journal.openRun({ runId: "other", flow: "digest" })
        await other.settle(item, done("theirs"))
        await other.end("ok")
        const again = await journal.openRun({ runId: "monday", flow: "digest" })
        assert.deepEqual(await lookup(again, item), { status: "ok", value: "mine", attempts: 1 })
      }))

    it("loses none of a thousand settled at once", () =>
      twice(
        async (run) => {
          const settled = Array.from({ length: 1_000 }, (_, index) =>
            run.settle({ ...item, index, input: index }, { status: "ok", index, value: index * 2, attempts: 1 }),
          )
          await Promise.all(settled)
        },
        async (run) => {
          for (let index = 0; index < 1_000; index++) {
            const record = await lookup(run, { ...item, index, input: index })
            assert.deepEqual(record, { status: "ok", value: index * 2, attempts: 1 })
          }
        },
      ))
  })
}
