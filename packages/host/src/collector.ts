/** How memory is collected in a process that moves bytes. */
import { setFlagsFromString } from 'node:v8';

/**
 * A worker's objects are few (some 25 MB), but every reply passes through short-lived network buffers that V8 does not manage and only
 * counts: each 64 MB of them starts a collection. Marking in many small steps beside the work then costs a quarter of a dumper's CPU
 * time; in one go it takes a few milliseconds. Measured by `pnpm bench`, see docs/benchmarks.md.
 */
export function collectInOneGo(): void {
  setFlagsFromString('--no-incremental-marking');
}
