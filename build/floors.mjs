// The floor check: imports go down, never up, never in a circle. A run that read no module has proved nothing and fails.
import { cruise } from "dependency-cruiser";
import { createRequire } from "node:module";
import { filesBelow, root } from "./bundle.mjs";

process.chdir(root);
const rules = createRequire(import.meta.url)("../.dependency-cruiser.cjs");
const files = filesBelow("src", ".ts");
const { output } = await cruise(files, {
  ...rules.options,
  ruleSet: rules,
  validate: true,
  outputType: "json",
});
const { summary, modules } = JSON.parse(output);

for (const { rule, from, to } of summary.violations)
  console.error(`${rule.name}: ${from} imports ${to}`);
const read = modules.filter((module) => module.source.startsWith("src/"));
const withImports = read.filter((module) => module.dependencies.length > 0);
console.log(`floors: ${read.length} modules, ${summary.violations.length} violations`);
// Without a parser for TypeScript every file has no import, and nothing can be violated.
const blind = read.length < files.length || withImports.length < read.length / 2;
if (blind) console.error("floors: most modules show no import; is @swc/core installed?");
process.exit(summary.violations.length > 0 || blind ? 1 : 0);
