// Built by the bench into a folder of its own; nothing of it is shipped.
import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  worker: { format: "es" },
  build: { target: "es2022", outDir: process.env.PEER_OUT ?? "dist", emptyOutDir: true, modulePreload: { polyfill: false } },
});
