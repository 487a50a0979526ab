// Builds dist/homeca.mjs.
import { bundleProduct } from "./bundle.mjs";
await bundleProduct();
