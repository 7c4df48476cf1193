/** Which services hold a container: rows by container, service type and sequence. */
import { OioError } from './codes.ts';

export interface Row {
  type: string;
  seq: number;
  /** As they were given. */
  hosts: string[];
  args: string;
}

export interface Reference {
  cid: string;
  account: string;
  name: string;
  rows: Row[];
}

export interface ServiceRow {
  seq: number;
  type: string;
  host: string;
  args: string;
}

export class Meta1 {
  readonly #references = new Map<string, Reference>();

  all(): Reference[] {
    return [...this.#references.values()];
  }

  find(cid: string): Reference | undefined {
    return this.#references.get(cid);
  }

  get(cid: string): Reference {
    const found = this.find(cid);
    if (!found) throw new OioError(406, 'Directory error: no such user');
    return found;
  }

  create(cid: string, account: string, name: string): Reference {
    const made = this.find(cid) ?? { cid, account, name, rows: [] };
    this.#references.set(cid, made);
    return made;
  }

  services(cid: string, type?: string): ServiceRow[] {
    return this.get(cid)
      .rows.filter((row) => type === undefined || row.type === type)
      .flatMap(({ type: kind, seq, hosts, args }) => hosts.map((host) => ({ seq, type: kind, host, args })));
  }

  /** Of a base by its name, `CID.seq`. */
  hosts(base: string): string[] {
    const [cid = '', seq = '1'] = base.split('.');
    return this.find(cid)?.rows.find((row) => row.type === 'meta2' && row.seq === Number(seq))?.hosts ?? [];
  }

  unlink(cid: string, type: string): void {
    const reference = this.get(cid);
    reference.rows = reference.rows.filter((row) => row.type !== type);
  }

  /** An INSERT, or a REPLACE of the row with the same type and sequence. Hosts are taken as they are. */
  force(cid: string, row: Row, replace: boolean): void {
    const reference = this.get(cid);
    const at = reference.rows.findIndex(({ type, seq }) => type === row.type && seq === row.seq);
    if (at >= 0 && !replace)
      throw new OioError(455, 'META1 error: (SQLITE_CONSTRAINT) UNIQUE constraint failed: services.cid, services.srvtype, services.seq');
    if (at >= 0) reference.rows[at] = row;
    else reference.rows.push(row);
  }
}
