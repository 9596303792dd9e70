// Builds the page of scripts/draw-dashboard: its packages lie below target/draw, where the script fetched them.
import react from '@vitejs/plugin-react';
import path from 'node:path';

const there = process.env.DRAW;

export default {
  root: path.join(there, 'page'),
  base: './',
  plugins: [react()],
  build: { outDir: path.join(there, 'dist'), emptyOutDir: true, chunkSizeWarningLimit: 50_000, minify: false },
  logLevel: 'warn',
};
