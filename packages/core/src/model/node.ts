import type { Work } from "../scope/work.ts"
import type { RunOptions } from "../run/run-options.ts"
import type { Params } from "../scope/context.ts"

/** What `post` may return: an action, or nothing, which means `"default"`. */
export type NextAction = string | void | undefined

export type NodeKind = "step" | "batch" | "flow" | "batch-flow" | "pipeline"

/** A node as plain data. Flows list their nodes and edges; a batch flow holds its sub-flow. */
export interface NodeJSON {
  readonly kind: NodeKind
  readonly name: string
  readonly start?: string
  readonly nodes?: Readonly<Record<string, NodeJSON>>
  readonly edges?: Readonly<Record<string, Readonly<Record<string, string | null>>>>
  readonly flow?: NodeJSON
  readonly stages?: readonly NodeJSON[]
  readonly options?: Readonly<Record<string, unknown>>
}

// `Symbol.for`: nodes made by two copies of the package work in one flow.
export const enter: unique symbol = Symbol.for("sluice.enter") as never
export const inside: unique symbol = Symbol.for("sluice.inside") as never
declare const actions: unique symbol
declare const needs: unique symbol

/**
 * One unit of a flow: immutable data that knows how to run itself.
 * `Action` is what its `post` may return, apart from nothing. `P` is what must be among the params around it; `never`: not known.
 */
export interface Node<Shared, Action extends string = string, P = never> {
  readonly kind: NodeKind
  readonly name: string
  /**
   * Runs the node as a run of its own and resolves to its action.
   *
   * Settles only after everything it started has settled. A cancel rejects with `signal.reason`, untouched.
   */
  run(
    this: void,
    shared: Shared,
    options?: RunOptions & { readonly params?: RunParams<P> },
  ): Promise<Action | "default">
  readonly toJSON: () => NodeJSON
  /** A Mermaid flowchart; nested flows are subgraphs. */
  readonly toMermaid: () => string
  /** Internal: prep, exec, post inside an open run. */
  readonly [enter]: (shared: Shared, work: Work) => Promise<NextAction>
  /** Internal: the node of this name directly inside this one, of the kinds that have nodes inside. */
  readonly [inside]?: (name: string) => Node<Shared> | undefined
  /** In the type alone: never set at run time. */
  readonly [actions]?: Action
  /** In the type alone: never set at run time. */
  readonly [needs]?: (params: P) => void
}

/** The params of a run: where it is known what the node needs, one of these at least, and each of its type. */
export type RunParams<P> = [P] extends [never]
  ? Params
  : [keyof P] extends [never]
    ? Params
    : Params & { [Key in keyof P]: Pick<P, Key> & Partial<P> }[keyof P]

/** The actions that a node's `post` may return. */
export type ActionsOf<N> = N extends { readonly [actions]?: infer Action } ? Extract<Action, string> : never

/** What nodes of a definition with params `P` need: nothing in particular where `P` names no params. */
export type Needs<P> = string extends keyof P ? unknown : P

/** The params that a node needs around it; `unknown`: none in particular. */
export type ParamsOf<N> = N extends { readonly [needs]?: (params: infer P) => void }
  ? [P] extends [never]
    ? unknown
    : P
  : unknown

/** What all of these nodes need together. */
export type ParamsOfAll<Nodes> = {
  [Key in keyof Nodes]: (params: ParamsOf<Nodes[Key]>) => void
}[keyof Nodes] extends (params: infer All) => void
  ? All
  : never
