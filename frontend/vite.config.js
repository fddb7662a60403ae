// Builds static/viewer/reading.js: one ES module, no code from elsewhere, no eval, the same bytes on every machine.
import { defineConfig } from "vite";

export default defineConfig({
  publicDir: false,
  build: {
    target: "es2022",
    outDir: process.env.VIEWER_OUT ?? "../static/viewer",
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: "src/main.js",
      output: { entryFileNames: "reading.js", format: "es" },
    },
  },
});
