// Builds static/viewer/reading.js, and with `--mode simple` static/viewer/simple.js: one ES module each, so that a page asks
// for one script; no code from elsewhere, no eval, the same bytes on every machine.
import { defineConfig } from "vite";

export default defineConfig(({ mode }) => {
  const [input, name] = mode === "simple" ? ["src/simple.js", "simple.js"] : ["src/main.js", "reading.js"];
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
