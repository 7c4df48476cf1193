#!/usr/bin/env node
/** The command under its own name. */
process.argv.splice(2, 0, 'otsdb-to-vm');
await import('../main.ts');

export {};
