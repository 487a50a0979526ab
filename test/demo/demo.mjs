// Shows a home at work: `make demo`. Needs no root and nothing installed but the npm packages.
import { pathToFileURL } from "node:url";
import { bundleDemo } from "../../build/bundle.mjs";

await import(pathToFileURL(await bundleDemo()).href);
