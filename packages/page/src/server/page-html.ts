import type { ClientFiles } from "./client-files.ts"

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
