import { describe, test } from "vitest"
import { define, type Node } from "@sluice/core"

interface Shared {
  files: string[]
}
const plain = define<Shared>()
const perFile = define<Shared, { readonly file: string }>()
const read = perFile.step({ name: "read", prep: (_, { params }) => params.file })

describe("params are part of a node's type", () => {
  test("a batch flow gives its sub-flow what that needs", () => {
    plain.batchFlow({ name: "each", prep: ({ files }) => files.map((file) => ({ file })), flow: read })
    plain.batchFlow({ name: "more", prep: async () => [{ file: "a", night: 1 }], flow: read })
    plain.batchFlow({
      name: "stream",
      prep: async function* () {
        yield { file: "a" }
      },
      flow: read,
    })
    // @ts-expect-error the sub-flow needs `file`
    plain.batchFlow({ name: "each", prep: () => [{ filename: "a.md" }], flow: read })
    // @ts-expect-error `file` is a string
    plain.batchFlow({ name: "each", prep: () => [{ file: 1 }], flow: read })
  })

  test("also through a flow around the node that needs them, and a pipeline", () => {
    const sub = plain.flow({
      name: "sub",
      nodes: { first: plain.step({ name: "first" }), read },
      start: "first",
      edges: { first: { default: "read" } },
    })
    plain.batchFlow({ name: "each", prep: () => [{ file: "a" }], flow: sub })
    // @ts-expect-error the step inside needs `file`
    plain.batchFlow({ name: "each", prep: () => [{ night: 1 }], flow: sub })
    const line = plain.pipeline([
      perFile.batch({ name: "a", prep: (_, { params }) => [params.file], exec: (text) => text }),
      perFile.batch({ name: "b", exec: (text: string) => text }),
    ])
    plain.batchFlow({ name: "each", prep: () => [{ file: "a" }], flow: line })
    // @ts-expect-error the first stage needs `file`
    plain.batchFlow({ name: "each", prep: () => [{ night: 1 }], flow: line })
  })

  test("what the params around bring need not be given again", () => {
    const nightly = define<Shared, { readonly night: number }>()
    const both = define<Shared, { readonly night: number; readonly file: string }>().step({ name: "both" })
    const each = nightly.batchFlow({ name: "each", prep: () => [{ file: "a" }], flow: both })
    plain.batchFlow({ name: "nights", prep: () => [{ night: 1 }], flow: each })
    // @ts-expect-error the nights are missing, `file` is each's own
    plain.batchFlow({ name: "nights", prep: () => [{ file: "a" }], flow: each })
    // @ts-expect-error `file` is missing
    nightly.batchFlow({ name: "each", prep: () => [{ night: 2 }], flow: both })
    // @ts-expect-error a night is a number
    nightly.batchFlow({ name: "each", prep: () => [{ file: "a", night: "2" }], flow: both })
  })

  test("with one definition for all nodes the names and types are still checked", () => {
    perFile.batchFlow({ name: "each", prep: () => [{ file: "a" }], flow: read })
    // @ts-expect-error nothing that the sub-flow knows
    perFile.batchFlow({ name: "each", prep: () => [{ filename: "a.md" }], flow: read })
    // @ts-expect-error `file` is a string
    perFile.batchFlow({ name: "each", prep: () => [{ file: 1 }], flow: read })
  })

  test("a node that needs no params takes any, and one of unknown needs is not checked", () => {
    const free = plain.step({ name: "free" })
    plain.batchFlow({ name: "each", prep: () => [{ anything: 1 }], flow: free })
    const some: Node<Shared> = read
    plain.batchFlow({ name: "each", prep: () => [{ anything: 1 }], flow: some })
    plain.flow({ name: "f", nodes: { some, read }, start: "some", edges: { some: { default: "read" } } })
  })

  test("a run gives what its node needs", () => {
    void read.run({ files: [] }, { params: { file: "a" } })
    void read.run({ files: [] }, { params: { file: "a", night: 1 } })
    // @ts-expect-error misspelt
    void read.run({ files: [] }, { params: { filename: "a" } })
    // @ts-expect-error `file` is a string
    void read.run({ files: [] }, { params: { file: 1 } })
    const root = perFile.flow({ name: "root", nodes: { read }, start: "read" })
    // @ts-expect-error `file` is a string, in a flow too
    void root.run({ files: [] }, { params: { file: 1 } })
    const nightly = define<Shared, { readonly night: number; readonly file: string }>().step({ name: "nightly" })
    void nightly.run({ files: [] }, { params: { night: 1 } })
    void plain.step({ name: "free" }).run({ files: [] }, { params: { anything: 1 } })
    const some: Node<Shared> = read
    void some.run({ files: [] }, { params: { anything: 1 } })
  })
})
