// Builds static/viewer/reading.js, with `--mode simple` static/viewer/simple.js, and with `--mode volumework` the worker that
// the reading room starts when it is needed: one ES module each, so that a page asks for one script; no code from elsewhere,
// no eval, the same bytes on every machine.
import { defineConfig } from "vite";

const BUNDLES = {
  production: ["src/main.js", "reading.js"],
  simple: ["src/simple.js", "simple.js"],
  volumework: ["src/volumeworker.js", "volumework.js"],
};

export default defineConfig(({ mode }) => {
  const [input, name] = BUNDLES[mode];
  return {
    publicDir: false,
    build: {
      target: "es2022",
      outDir: process.env.VIEWER_OUT ?? "../static/viewer",
      emptyOutDir: false,
      modulePreload: { polyfill: false },
      rollupOptions: { input, output: { entryFileNames: name, format: "es" } },
    },
  };
});
