import path from "node:path"
import { execFile } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { promisify } from "node:util"

/** The page's code and styles, by their names. */
export interface ClientFiles {
  readonly script: string
  readonly style: string
  read(name: string): { readonly type: string; readonly body: Buffer } | undefined
}

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
}

/** What was built when the package was; from source it is built the first time that it is asked for, and kept beside the installed packages. */
export function clientFiles(): Promise<ClientFiles> {
  return (files ??= findFiles())
}

let files: Promise<ClientFiles> | undefined

async function findFiles(): Promise<ClientFiles> {
  const built = path.join(import.meta.dirname, "../client")
  if (existsSync(path.join(built, "manifest.json"))) return filesOf(built)
  // Apart from this process: a bundler is no part of what runs here.
  const bundler = path.join(import.meta.dirname, "../../client/bundle.ts")
  const { stdout } = await promisify(execFile)(process.execPath, [bundler])
  return filesOf(stdout.trim())
}

function filesOf(folder: string): ClientFiles {
  const manifest = JSON.parse(readFileSync(path.join(folder, "manifest.json"), "utf8")) as Readonly<
    Record<string, { readonly file: string; readonly isEntry?: boolean; readonly css?: readonly string[] }>
  >
  const entry = Object.values(manifest).find(({ isEntry }) => isEntry)
  const names = new Set(Object.values(manifest).flatMap(({ file, css = [] }) => [file, ...css]))
  const kept = new Map<string, Buffer>()
  return {
    script: entry?.file ?? "",
    style: entry?.css?.[0] ?? "",
    read(name) {
      if (!names.has(name)) return undefined
      const body = kept.get(name) ?? readFileSync(path.join(folder, name))
      kept.set(name, body)
      return { type: types[path.extname(name)] ?? "application/octet-stream", body }
    },
  }
}

/** The page with the state that it begins with, so that the first thing to be seen is the run and no empty frame. */
export function pageHtml({ script, style }: ClientFiles, title: string, hello: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/${style}">
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. \`sluice inspect\` shows the same in the terminal.</noscript>
<script type="application/json" id="hello">${inScript(hello)}</script>
<script type="module" src="/${script}"></script>
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")
}

/** JSON of the same meaning in which nothing ends the element that it stands in. */
function inScript(json: string): string {
  return json.replaceAll("<", String.raw`\u003c`)
}
