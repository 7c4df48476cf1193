/** Answers of nameservers and tablets by name, as OpenMLDB's `base/status.h` has them. */
export const CODES: Readonly<Record<number, string>> = {
  [-1]: 'error',
  100: 'table does not exist',
  101: 'table already exists',
  102: 'table is leader',
  103: 'table is follower',
  104: 'table is loading',
  105: 'table state is not kTableNormal',
  107: 'table state is not kSnapshotPaused',
  119: 'replica endpoint already exists',
  129: 'table meta is illegal',
  134: 'there is no follower',
  135: 'invalid concurrency',
  136: 'delete failed',
  138: 'no root path for this storage mode',
  300: 'nameserver is not leader',
  301: 'auto_failover is enabled',
  302: 'endpoint does not exist',
  303: 'tablet is not healthy',
  304: 'set zk failed',
  305: 'create op failed',
  306: 'add op data failed',
  307: 'invalid parameter',
  308: 'pid does not exist',
  309: 'leader is alive',
  310: 'no alive follower',
  311: 'table is alive, need not recover',
  312: 'op status is not kDoing or kInited',
  317: 'pid already exists there',
  318: 'source endpoint does not exist or is not healthy',
  319: 'destination endpoint does not exist or is not healthy',
  320: 'migrate failed',
  321: 'no pid has to be updated',
  452: 'delete zk op node failed',
  802: 'database not found',
};

export const NOT_LEADER = 300;
export const TABLE_EXISTS = 101;

export function codeName(code: number): string {
  return CODES[code] ?? 'unknown code';
}
