#!/usr/bin/env node
/** The command under its own name. */
process.argv.splice(2, 0, 'kilda-otsdb-dump');
await import('../main.ts');

export {};
