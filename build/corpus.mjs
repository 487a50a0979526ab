// Puts the files of test/fuzz/corpus and test/fuzz/regressions into test/fuzz/corpus.ts as it is bundled.
import { readFileSync } from "node:fs";
import path from "node:path";

const FOLDERS = ["corpus", "regressions"];

/** esbuild plugin; `filesBelow` and `root` are the bundler's. */
export function corpus(filesBelow, root) {
  return {
    name: "corpus",
    setup(build) {
      build.onLoad({ filter: /\/test\/fuzz\/corpus\.ts$/ }, () => {
        const rows = FOLDERS.flatMap((folder) => filesBelow(`test/fuzz/${folder}`, ""))
          .filter((file) => !file.endsWith(".md"))
          .map((file) => ({
            target: path.basename(path.dirname(file)),
            name: path.relative("test/fuzz", file),
            base64: readFileSync(path.join(root, file)).toString("base64"),
          }));
        return { contents: `export const CORPUS = ${JSON.stringify(rows)};`, loader: "js" };
      });
    },
  };
}
