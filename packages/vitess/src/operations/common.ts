/** What the kinds share. */

/** Longest time a call to vtctld can take effect after it was sent. */
export const ACTION_MS = 60_000;

/** A name in Vitess made from the operation's: `op_ab12` gives `longshore_ab12`. */
export function workflowName(operation: string): string {
  return `longshore_${operation.replace(/^op_/, '').replace(/\W/g, '_')}`;
}
