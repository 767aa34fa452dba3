import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: here("../penstock_console/static"),
    emptyOutDir: true,
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  // Only for `npm run dev`: the REST API of a stack that runs.
  server: { proxy: { "/v1": process.env.PENSTOCK_API ?? "http://127.0.0.1:7780" } },
});
