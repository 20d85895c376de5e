import { expect, test } from "vitest"
import { define } from "@sluice/core"

const { step, batch, flow, batchFlow, pipeline } = define<object>()
const nodes = { load: step({ name: "load" }), work: step({ name: "work" }), end: step({ name: "end" }) }
const edges = { load: { default: "work" }, work: { default: "end" } }

// Through `never`, as JavaScript would: the compiler catches all of these first.
test.each<[string, object, string]>([
  [
    "start",
    { start: "laod", edges },
    'Flow "app": start names "laod", which is not one of its nodes (load, work, end). Did you mean "load"?',
  ],
  [
    "target",
    { start: "load", edges: { load: { default: "wrok" } } },
    'edges.load.default names "wrok", which is not one of its nodes (load, work, end). Did you mean "work"?',
  ],
  [
    "source",
    { start: "load", edges: { zzzzzz: { default: "work" } } },
    'edges names "zzzzzz", which is not one of its nodes (load, work, end).',
  ],
  [
    "one node out of reach",
    { start: "load", edges: { load: { default: "work" } } },
    'no edge leads from start "load" to end. Add an edge, or leave it out of nodes.',
  ],
  [
    "nodes out of reach",
    { start: "load" },
    'no edge leads from start "load" to work, end. Add an edge, or leave them out of nodes.',
  ],
  ["missing start", { edges }, 'flow "app": start must be the key of a node (got undefined).'],
  ["no nodes", { nodes: {}, start: "load" }, 'flow "app": nodes must be at least one node (got "none").'],
  [
    "a name twice",
    { nodes: { a: nodes.load, b: nodes.load }, start: "a", edges: { a: { default: "b" } } },
    'nodes.a and nodes.b are both named "load", so events and the journal could not tell them apart. Give one of them another name.',
  ],
])("construction refuses: %s", (_name, options, message) => {
  expect(() => flow({ name: "app", nodes, ...options } as never)).toThrow(message)
})

test("edges that are undefined are no edges", () => {
  const app = flow({ name: "app", nodes: { load: nodes.load }, start: "load", edges: { load: undefined } as never })
  expect(app.toJSON()).toEqual({
    kind: "flow",
    name: "app",
    start: "load",
    nodes: { load: { kind: "step", name: "load" } },
    edges: {},
  })
  const other = flow({
    name: "app",
    nodes: { load: nodes.load },
    start: "load",
    edges: { load: { default: undefined } } as never,
  })
  expect(other.toJSON().edges).toEqual({})
})

const digest = flow({
  name: "digest",
  nodes: {
    load: step({ name: "load", post: () => "empty" as const }),
    perFile: batchFlow({
      name: "perFile",
      prep: () => [],
      flow: flow({ name: "sub", nodes: { one: batch({ name: "one", prep: () => [], exec: () => 1 }) }, start: "one" }),
    }),
    pipe: pipeline(
      [batch({ name: "a", prep: () => [1], exec: (n) => n }), batch({ name: "b", exec: (n: number) => n })],
      {
        name: "pipe",
      },
    ),
    end: step({ name: 'the "end"', post: () => "bye" as const }),
  },
  start: "load",
  edges: {
    load: { default: "perFile", empty: "end" },
    perFile: { default: "pipe" },
    pipe: { default: "end" },
    end: { bye: null },
  },
})

test("a flow is its graph, as data", () => {
  expect(JSON.parse(JSON.stringify(digest))).toEqual({
    kind: "flow",
    name: "digest",
    start: "load",
    nodes: {
      load: { kind: "step", name: "load" },
      perFile: {
        kind: "batch-flow",
        name: "perFile",
        flow: { kind: "flow", name: "sub", start: "one", nodes: { one: { kind: "batch", name: "one" } }, edges: {} },
      },
      pipe: {
        kind: "pipeline",
        name: "pipe",
        stages: [
          { kind: "batch", name: "a" },
          { kind: "batch", name: "b" },
        ],
      },
      end: { kind: "step", name: 'the "end"' },
    },
    edges: {
      load: { default: "perFile", empty: "end" },
      perFile: { default: "pipe" },
      pipe: { default: "end" },
      end: { bye: null },
    },
  })
})

test("a flow draws itself, nested flows as subgraphs", () => {
  expect(digest.toMermaid()).toBe(`flowchart TD
  subgraph n["digest"]
    n_0["load"]
    subgraph n_1["perFile"]
      subgraph n_1_0["sub"]
        n_1_0_0[["one"]]
        n_1_0_start((start)) --> n_1_0_0
      end
    end
    subgraph n_2["pipe"]
      n_2_0[["a"]]
      n_2_1[["b"]]
      n_2_0 ==> n_2_1
    end
    n_3["the #quot;end#quot;"]
    n_start((start)) --> n_0
    n_0 --> n_1
    n_0 -- "empty" --> n_3
    n_1 --> n_2
    n_2 --> n_3
    n_3 -- "bye" --> n_end((end))
  end`)
  expect(nodes.load.toMermaid()).toBe('flowchart TD\n  n["load"]')
})
