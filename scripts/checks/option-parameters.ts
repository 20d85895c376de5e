import { globSync, readFileSync } from "node:fs"
import path from "node:path"
import { isExportDeclaration, isExportSpecifier } from "typescript/unstable/ast/is"
import {
  API,
  type Checker,
  type Project,
  SignatureKind,
  type Symbol,
  SymbolFlags,
  type Type,
} from "typescript/unstable/sync"

/** A parameter that takes an object of options, or an option that takes one, of something that a package exports. */
export interface OptionParameter {
  /** How it is reached: `createQuota(options)`, `semaphore().use(options)`. */
  readonly parameter: string
  /** Where it is in what is given there; `[]` is an item of a list, `{}` an entry of a record. */
  readonly at: readonly string[]
  /** What may stand there, as the compiler has it. */
  readonly options: readonly string[]
}

const root = path.join(import.meta.dirname, "../..")

/**
 * Every one of them, of all packages' exports and of the methods of what those return. Types named in `ports` are not options: they
 * are implementations, and data that other code makes.
 */
export function optionParameters(ports: ReadonlySet<string>, packages = "packages/*"): OptionParameter[] {
  const api = new API({ cwd: root })
  const found = new Map<string, OptionParameter>()
  try {
    for (const manifest of globSync(`${packages}/package.json`, { cwd: root }).toSorted()) {
      const folder = path.join(root, path.dirname(manifest))
      const config = path.join(folder, "tsconfig.json")
      const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)!
      const { exports } = JSON.parse(readFileSync(path.join(root, manifest), "utf8")) as Manifest
      for (const [subpath, { "@sluice/source": source }] of Object.entries(exports))
        if (subpath !== "./internal") new Walk(project, folder, ports, found).of(path.join(folder, source))
    }
  } finally {
    api.close()
  }
  return [...found.values()]
}

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly "@sluice/source": string }>>
}

class Walk {
  readonly #checker: Checker
  readonly #project: Project
  readonly #folder: string
  readonly #ports: ReadonlySet<string>
  readonly #found: Map<string, OptionParameter>
  readonly #roots = new Set<number>()
  /** What was looked at below the present export. */
  #seen = new Set<number>()

  constructor(project: Project, folder: string, ports: ReadonlySet<string>, found: Map<string, OptionParameter>) {
    this.#checker = project.checker
    this.#project = project
    this.#folder = folder
    this.#ports = ports
    this.#found = found
  }

  of(entry: string): void {
    const file = this.#project.program.getSourceFile(entry)!
    for (const exported of this.#checker.getExportsOfModule(this.#checker.getSymbolAtLocation(file)!)) {
      const symbol = exported.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(exported) : exported
      const isHere = isIn(symbol, path.join(this.#folder, "src")) && symbol.flags & SymbolFlags.Value
      if (!isHere || this.#roots.has(symbol.id) || this.#isTypeOnly(exported)) continue
      this.#roots.add(symbol.id)
      this.#seen = new Set()
      this.#value(this.#checker.getTypeOfSymbol(symbol)!, exported.name)
    }
  }

  #isTypeOnly(exported: Symbol): boolean {
    const node = exported.declarations[0]?.resolve(this.#project)
    if (node === undefined || !isExportSpecifier(node)) return false
    const list = node.parent.parent
    return node.isTypeOnly || (isExportDeclaration(list) && list.isTypeOnly)
  }

  #value(type: Type, name: string): void {
    const kinds = [
      [SignatureKind.Call, ""],
      [SignatureKind.Construct, "new "],
    ] as const
    for (const [kind, prefix] of kinds)
      for (const signature of this.#checker.getSignaturesOfType(type, kind)) {
        for (const parameter of signature.getParameters())
          this.#parameter(this.#checker.getTypeOfSymbol(parameter)!, `${prefix}${name}(${parameter.name})`, [], [])
        this.#returned(this.#checker.getReturnTypeOfSignature(signature)!, `${prefix}${name}()`)
      }
    if (this.#seen.has(type.id)) return
    this.#seen.add(type.id)
    for (const member of this.#checker.getPropertiesOfType(type)) {
      if (!isOurs(member) || /^_|^prototype$/.test(member.name)) continue
      const its = this.#checker.getNonNullableType(this.#checker.getTypeOfSymbol(member)!)!
      if (!this.#ports.has(nameOf(its))) this.#returned(its, `${name}.${member.name}`)
    }
  }

  #returned(type: Type, name: string): void {
    if (type.isUnionType()) for (const one of type.getTypes()) this.#returned(one, name)
    else if (type.isIntersectionType()) this.#value(type, name)
    else if (type.isObjectType()) {
      // A promise, a list.
      if (!isOurs(type.getSymbol()) && type.isTypeReference())
        for (const one of this.#checker.getTypeArguments(type)) this.#returned(one, name)
      this.#value(type, name)
    }
  }

  #parameter(type: Type, parameter: string, at: readonly string[], around: readonly number[]): void {
    if (this.#ports.has(nameOf(type)) || around.includes(type.id)) return
    const inside = [...around, type.id]
    if (type.isUnionType()) for (const one of type.getTypes()) this.#parameter(one, parameter, at, inside)
    else if (type.isTypeParameter()) {
      const constraint = this.#checker.getBaseConstraintOfType(type)
      if (constraint) this.#parameter(constraint, parameter, at, inside)
    } else if (type.isTypeReference() && this.#checker.isArrayLikeType(type)) {
      for (const one of this.#checker.getTypeArguments(type)) this.#parameter(one, parameter, [...at, "[]"], inside)
    } else if (type.isObjectType() || type.isIntersectionType()) this.#object(type, parameter, at, inside)
  }

  #object(type: Type, parameter: string, at: readonly string[], inside: readonly number[]): void {
    if (this.#checker.getSignaturesOfType(type, SignatureKind.Call).length > 0) return
    for (const { valueType } of this.#checker.getIndexInfosOfType(type))
      this.#parameter(valueType, parameter, [...at, "{}"], inside)
    const own = this.#checker.getPropertiesOfType(type).filter((one) => isOurs(one) && !one.name.startsWith("_"))
    if (own.length === 0) return
    const name = [parameter, ...at].join(".")
    const options = new Set([...(this.#found.get(name)?.options ?? []), ...own.map((one) => one.name)])
    this.#found.set(name, { parameter, at, options: [...options] })
    for (const option of own)
      this.#parameter(this.#checker.getTypeOfSymbol(option)!, parameter, [...at, option.name], inside)
  }
}

/** Empty where it has none. */
function nameOf(type: Type): string {
  return [type.getAliasSymbol()?.name, type.getSymbol()?.name].find((name) => name && !name.startsWith("__")) ?? ""
}

function isIn(symbol: Symbol | undefined, folder: string): boolean {
  return symbol?.declarations.some((one) => one.path.toLowerCase().startsWith(folder.toLowerCase())) === true
}

/** Names of a mapped type are declared nowhere. */
function isOurs(symbol: Symbol | undefined): boolean {
  if (symbol?.declarations.length === 0) return true
  return (
    isIn(symbol, path.join(root, "packages")) &&
    !symbol!.declarations.some((one) => one.path.includes("/node_modules/"))
  )
}
