/** An `@example` block of a doc comment. */
export interface DocExample {
  /** What the comment is about. */
  readonly name: string
  /** The source file, inside its package. */
  readonly file: string
  /** The block, ready to be a module: with its imports, and its `// => value` lines as checks. */
  readonly code: string
  /** Not marked `no-run`. */
  readonly runs: boolean
}

/** What `index.ts` of a package exports by name, and which of them are types. */
export function exportedNames(index: string): ReadonlyMap<string, "value" | "type"> {
  const names = new Map<string, "value" | "type">()
  for (const [, isType, list] of index.matchAll(/^export (type )?\{([^}]*)\}/gm)) {
    for (const [, type, name] of list!.matchAll(/(type )?([\w$]+)(?: as [\w$]+)?/g)) {
      names.set(name!, isType || type ? "type" : "value")
    }
  }
  return names
}

/**
 * The examples of one source file. They may use the names that `index`, the text of the package's `index.ts`, exports, and
 * those that `prelude` imports, which come first.
 */
export function docExamples(file: string, source: string, index: string, prelude = ""): DocExample[] {
  const exported = exportedNames(index)
  const block =
    /^ *\/\*\*(?:(?!\*\/)[^])*?@example\n[ *]*```ts( no-run)?\n((?:(?!\*\/)[^])*?)\n[ *]*```\n(?:(?!\*\/)[^])*\*\/\n(.*)$/gm
  return [...source.matchAll(block)].map(([, noRun, lines, next]) => {
    const [, exports, kind, name = "example"] =
      /^ *(export )?(?:(?:async |readonly |abstract )*)(class |function |const |interface |type )?([\w$]+)/.exec(
        next!,
      ) ?? []
    const text = lines!.replaceAll(/^ *\* ?/gm, "")
    const imports: string[] = []
    const own = exports ? name : undefined
    if (own) imports.push(importOf(own, /interface|type/.test(kind!) ? "type" : "value", `../${file}`))
    for (const [each, what] of exported) {
      if (each !== own && uses(text, each) && !hasName(prelude, each))
        imports.push(importOf(each, what, "../src/index.ts"))
    }
    return {
      name,
      file,
      runs: noRun === undefined,
      code: [prelude, ...imports, checked(text)].filter(Boolean).join("\n"),
    }
  })
}

function importOf(name: string, what: "value" | "type", from: string): string {
  return `import { ${what === "type" ? "type " : ""}${name} } from "${from}"`
}

/** As a word of its own, which the example does not declare. */
function uses(code: string, name: string): boolean {
  const declared = new RegExp(`\\b(?:const|let|class|function) (?:\\{[^}=]*\\b)?${name}\\b`)
  return hasName(code, name) && !declared.test(code)
}

function hasName(code: string, name: string): boolean {
  return new RegExp(`(?<![\\w$]|[^.]\\.)${name}\\b`).test(code)
}

/** `expression // => value` becomes a check; the comment may be on the line below. */
function checked(code: string): string {
  return code.replaceAll(
    /^;?(.*\S)\s+\/\/ => (.+)$/gm,
    (_line, expression: string, value: string) => `same(${expression}, ${value})`,
  )
}
