/**
 * What Markdown looks like once its markup is gone, in the order in which it must go.
 * What opens is looked for only up to the next thing of its kind that opens, so that text of nothing but openings takes no longer.
 */
const MARKUP: readonly (readonly [RegExp, string])[] = [
  [/^\uFEFF?---\n[\s\S]*?\n---\n/, ""], // front matter
  [/^([ \t]*)(`{3,}(?!`)|~{3,}(?!~))[^\n]*\n[\s\S]*?(?:^[ \t]*\2[^\n]*$|(?![\s\S]))/gm, "\n\n"], // fenced code
  [/<!--(?:(?!<!--)[\s\S])*?-->/g, " "],
  [/<(script|style|pre|svg)\b(?:(?!<\1\b)[\s\S])*?<\/\1>/gi, " "],
  [/^(?: {4}|\t)(?![-*+] |\d+[.)] ).*$/gm, ""], // indented code
  [/^\s{0,3}\[[^\]\n]+\]:\s*\S+.*$/gm, ""], // link definitions
  [/^.*\|.*\|.*$/gm, ""], // tables
  [/^[^\S\n]*(?:[=_*-][^\S\n]*){3,}$/gm, "\n"], // rules, underlines of headings
  [/^\s{0,3}#{1,6}\s.*$/gm, "\n\n"], // headings are no sentences
  [/!\[[^[\]]*\](?:\([^()]*\)|\[[^[\]]*\])/g, ""], // images and badges
  [/\[\s*\]\([^()]*\)/g, ""], // a badge's link, now empty
  [/\[([^[\]]*)\](?:\([^()]*\)|\[[^[\]]*\])/g, "$1"], // links keep their words
  [/<(?:https?|mailto):[^<>\s]*>/g, ""],
  [/<\/?(?:p|div|br|h[1-6]|li|ul|ol|tr|td|th|table|details|summary|center)\b[^<>]*>/gi, "\n\n"],
  [/<\/?[a-zA-Z][^<>\n]*>/g, ""],
  [/https?:\/\/[^\s)\]}>,]+/g, ""],
  [/^[^\S\n]*>+\s?(?:\[!\w+\])?/gm, ""],
  [/^[^\S\n]*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?/gm, "\n\n"], // each list item stands alone
  [/(\*\*|__)(?=\S)((?:(?!\1)[\s\S])*?\S)\1/g, "$2"],
  [/(^|[\s(])[*_](?=\S)([^*_\n]*\S)[*_](?=[\s).,;:!?]|$)/gm, "$1$2"],
  [/`+([^`\n]*)`+/g, "$1"],
  [/&nbsp;/g, " "],
  [/&lt;/g, "<"],
  [/&gt;/g, ">"],
  [/&quot;/g, '"'],
  [/&amp;/g, "&"],
]

/**
 * The prose of a Markdown document: code, tables, badges, images, headings, link targets and HTML are gone,
 * paragraphs and list items are separated by a blank line.
 */
export function plainText(markdown: string): string {
  // To an expression these begin a line too: blanks between them would be read once for each.
  let text = markdown.replace(/\r\n?|[\u2028\u2029]/g, "\n")
  for (const [pattern, replacement] of MARKUP) text = text.replace(pattern, replacement)
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .filter((paragraph) => paragraph !== "")
    .join("\n\n")
}
