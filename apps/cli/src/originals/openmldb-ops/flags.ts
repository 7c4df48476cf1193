/** Flags of `openmldb_ops`, read as Python's optparse reads them: `--flag=value` or `--flag value`, and any beginning that fits one flag only. Pure. */

const FLAGS = {
  openmldb_bin_path: 'value',
  zk_cluster: 'value',
  zk_root_path: 'value',
  cmd: 'value',
  endpoints: 'value',
  statfile: 'value',
  db: 'value',
  filter: 'value',
  /** Ours: an op that has not ended by then is cancelled. */
  op_deadline: 'value',
  allow_single_replica: 'switch',
} as const;

type Flag = keyof typeof FLAGS;

export type OpsFlags = Partial<Record<Flag, string>>;

/** Gives what is wrong as a sentence. */
export function readOpsFlags(args: readonly string[]): { flags: OpsFlags } | { problem: string } {
  const flags: OpsFlags = {};
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, given, joined] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (given === undefined) return { problem: `unexpected argument: ${arg}` };
    const fits = (Object.keys(FLAGS) as Flag[]).filter((flag) => flag.startsWith(given));
    const exact = fits.find((flag) => flag === given);
    if (fits.length === 0) return { problem: `no such option: --${given}` };
    if (exact === undefined && fits.length > 1)
      return { problem: `ambiguous option: --${given} (${fits.map((flag) => `--${flag}`).join(', ')}?)` };
    const flag = exact ?? fits[0]!;
    if (FLAGS[flag] === 'switch') {
      if (joined !== undefined) return { problem: `--${flag} option does not take a value` };
      flags[flag] = 'true';
      continue;
    }
    const value = joined ?? rest.shift();
    if (value === undefined) return { problem: `--${flag} option requires 1 argument` };
    flags[flag] = value;
  }
  return { flags };
}
