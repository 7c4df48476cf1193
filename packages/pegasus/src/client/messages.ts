/**
 * The calls of Pegasus 2.4 and later that are of use here: names, requests, answers. Field numbers and defaults are those of its interface
 * definition; fields from 2.6 on are optional, so that both dialects are one schema.
 */
import {
  bool,
  type Codec,
  enumeration,
  errorCode,
  field,
  type Gpid,
  gpid,
  hostPort,
  i32,
  i64,
  list,
  map,
  optional,
  rpcAddress,
  struct,
  text,
} from './thrift.ts';

export const APP_STATUS = {
  AS_INVALID: 0,
  AS_AVAILABLE: 1,
  AS_CREATING: 2,
  AS_CREATE_FAILED: 3,
  AS_DROPPING: 4,
  AS_DROP_FAILED: 5,
  AS_DROPPED: 6,
  AS_RECALLING: 7,
} as const;
export type AppStatus = keyof typeof APP_STATUS;
const NODE_STATUS = { NS_INVALID: 0, NS_ALIVE: 1, NS_UNALIVE: 2 } as const;
export type NodeStatus = keyof typeof NODE_STATUS;
const DUP_STATUS = { DS_INIT: 0, DS_PREPARE: 1, DS_APP: 2, DS_LOG: 3, DS_PAUSE: 4, DS_REMOVED: 5 } as const;
export type DupStatus = keyof typeof DUP_STATUS;
const FAIL_MODE = { FAIL_SLOW: 0, FAIL_SKIP: 1, FAIL_FAST: 2 } as const;
export type FailMode = keyof typeof FAIL_MODE;
const DUP_MODE = { FULL: 0, INCREMENTAL: 1 } as const;
const MATCH = {
  PMT_INVALID: 0,
  PMT_MATCH_ALL: 1,
  PMT_MATCH_EXACT: 2,
  PMT_MATCH_ANYWHERE: 3,
  PMT_MATCH_PREFIX: 4,
  PMT_MATCH_POSTFIX: 5,
  PMT_MATCH_REGEX: 6,
} as const;
const ENV_OP = { APP_ENV_OP_INVALID: 0, APP_ENV_OP_SET: 1, APP_ENV_OP_DEL: 2, APP_ENV_OP_CLEAR: 3 } as const;
const META_LEVEL = { fl_stopped: 100, fl_blind: 200, fl_freezed: 300, fl_steady: 400, fl_lively: 500, fl_invalid: 10_000 } as const;
const CONFIG_TYPE = {
  CT_INVALID: 0,
  CT_ASSIGN_PRIMARY: 1,
  CT_UPGRADE_TO_PRIMARY: 2,
  CT_ADD_SECONDARY: 3,
  CT_UPGRADE_TO_SECONDARY: 4,
  CT_DOWNGRADE_TO_SECONDARY: 5,
  CT_DOWNGRADE_TO_INACTIVE: 6,
  CT_REMOVE: 7,
  CT_ADD_SECONDARY_FOR_LB: 8,
  CT_PRIMARY_FORCE_UPDATE_BALLOT: 9,
  CT_DROP_PARTITION: 10,
  CT_REGISTER_CHILD: 11,
} as const;
const BALANCE_TYPE = { move_primary: 0, copy_primary: 1, copy_secondary: 2 } as const;

const appStatus = enumeration(APP_STATUS);
const nodeStatus = enumeration(NODE_STATUS);
const dupStatus = enumeration(DUP_STATUS);
const failMode = enumeration(FAIL_MODE);
const match = enumeration(MATCH);

export interface PartitionConfiguration {
  pid: Gpid;
  ballot: number;
  maxReplicaCount: number;
  primary: string | null;
  secondaries: (string | null)[];
  lastDrops: (string | null)[];
  lastCommittedDecree: number;
  partitionFlags: number;
  hpPrimary?: string | null;
  hpSecondaries?: (string | null)[];
  hpLastDrops?: (string | null)[];
}
const partitionConfiguration: Codec<PartitionConfiguration> = struct<PartitionConfiguration>('partition_configuration', {
  pid: field(1, gpid),
  ballot: field(2, i64),
  maxReplicaCount: field(3, i32),
  primary: field(4, rpcAddress),
  secondaries: field(5, list(rpcAddress)),
  lastDrops: field(6, list(rpcAddress)),
  lastCommittedDecree: field(7, i64),
  partitionFlags: field(8, i32),
  hpPrimary: optional(9, hostPort),
  hpSecondaries: optional(10, list(hostPort)),
  hpLastDrops: optional(11, list(hostPort)),
});

export interface QueryCfgRequest {
  appName: string;
  /** Empty: all. */
  partitionIndices: number[];
}
export interface QueryCfgResponse {
  err: string;
  appId: number;
  partitionCount: number;
  isStateful: boolean;
  partitions: PartitionConfiguration[];
}

export interface AppInfo {
  status: AppStatus;
  appType: string;
  appName: string;
  appId: number;
  partitionCount: number;
  envs: Map<string, string>;
  isStateful: boolean;
  maxReplicaCount: number;
  expireSecond: number;
  createSecond: number;
  dropSecond: number;
  duplicating: boolean;
  initPartitionCount: number;
  isBulkLoading: boolean;
  atomicIdempotent: boolean;
}
const appInfo: Codec<AppInfo> = struct<AppInfo>('app_info', {
  status: field(1, appStatus),
  appType: field(2, text),
  appName: field(3, text),
  appId: field(4, i32),
  partitionCount: field(5, i32),
  envs: field(6, map(text, text)),
  isStateful: field(7, bool),
  maxReplicaCount: field(8, i32),
  expireSecond: field(9, i64),
  createSecond: field(10, i64),
  dropSecond: field(11, i64),
  duplicating: optional(12, bool, false),
  initPartitionCount: optional(13, i32, -1),
  isBulkLoading: optional(14, bool, false),
  atomicIdempotent: optional(15, bool, false),
});

export interface NodeInfo {
  status: NodeStatus;
  node: string | null;
  hpNode?: string | null;
}
const nodeInfo: Codec<NodeInfo> = struct<NodeInfo>('node_info', {
  status: field(1, nodeStatus),
  node: field(2, rpcAddress),
  hpNode: optional(3, hostPort),
});

export interface PartitionState {
  confirmedDecree: number;
  lastCommittedDecree: number;
}
export interface DuplicationEntry {
  dupid: number;
  status: DupStatus;
  /** Name of the target cluster. */
  remote: string;
  createTs: number;
  /** Confirmed decree of each partition, -1 before the first. Servers before 2.6. */
  progress?: Map<number, number>;
  failMode?: FailMode;
  remoteAppName?: string;
  remoteReplicaCount?: number;
  mode?: keyof typeof DUP_MODE;
  /** Servers from 2.6 on. */
  partitionStates?: Map<number, PartitionState>;
}
const duplicationEntry: Codec<DuplicationEntry> = struct<DuplicationEntry>('duplication_entry', {
  dupid: field(1, i32),
  status: field(2, dupStatus),
  remote: field(3, text),
  createTs: field(4, i64),
  progress: optional(5, map(i32, i64)),
  failMode: optional(7, failMode),
  remoteAppName: optional(8, text),
  remoteReplicaCount: optional(9, i32),
  mode: optional(10, enumeration(DUP_MODE)),
  partitionStates: optional(
    11,
    map(i32, struct<PartitionState>('duplication_partition_state', { confirmedDecree: field(1, i64), lastCommittedDecree: field(2, i64) })),
  ),
});

/** A call: its name on the wire and both of its messages. */
export interface Rpc<Q, A> {
  name: string;
  request: Codec<Q>;
  answer: Codec<A>;
}

function rpc<Q, A>(name: string, request: Codec<Q>, answer: Codec<A>): Rpc<Q, A> {
  return { name, request, answer };
}

/** An answer that is no more than an error. */
export type Plain = { err: string };
const plain: Codec<Plain> = struct<Plain>('configuration_balancer_response', { err: field(1, errorCode) });
const nothing: Codec<object> = struct<object>('configuration_cluster_info_request', {});

export const queryConfig: Rpc<QueryCfgRequest, QueryCfgResponse> = rpc(
  'RPC_CM_QUERY_PARTITION_CONFIG_BY_INDEX',
  struct<QueryCfgRequest>('query_cfg_request', { appName: field(1, text), partitionIndices: field(2, list(i32)) }),
  struct<QueryCfgResponse>('query_cfg_response', {
    err: field(1, errorCode),
    appId: field(2, i32),
    partitionCount: field(3, i32),
    isStateful: field(4, bool),
    partitions: field(5, list(partitionConfiguration)),
  }),
);

export interface ListAppsRequest {
  status: AppStatus;
  appNamePattern?: string;
  matchType?: keyof typeof MATCH;
}
export interface ListAppsResponse {
  err: string;
  infos: AppInfo[];
  hintMessage?: string;
}
export const listApps: Rpc<ListAppsRequest, ListAppsResponse> = rpc(
  'RPC_CM_LIST_APPS',
  struct<ListAppsRequest>('configuration_list_apps_request', {
    status: field(1, appStatus),
    appNamePattern: optional(2, text),
    matchType: optional(3, match),
  }),
  struct<ListAppsResponse>('configuration_list_apps_response', {
    err: field(1, errorCode),
    infos: field(2, list(appInfo)),
    hintMessage: optional(3, text),
  }),
);

export interface ListNodesResponse {
  err: string;
  infos: NodeInfo[];
}
export const listNodes: Rpc<{ status: NodeStatus }, ListNodesResponse> = rpc(
  'RPC_CM_LIST_NODES',
  struct<{ status: NodeStatus }>('configuration_list_nodes_request', { status: field(1, nodeStatus) }),
  struct<ListNodesResponse>('configuration_list_nodes_response', { err: field(1, errorCode), infos: field(2, list(nodeInfo)) }),
);

export interface ClusterInfoResponse {
  err: string;
  keys: string[];
  values: string[];
}
export const clusterInfo: Rpc<object, ClusterInfoResponse> = rpc(
  'RPC_CM_CLUSTER_INFO',
  nothing,
  struct<ClusterInfoResponse>('configuration_cluster_info_response', {
    err: field(1, errorCode),
    keys: field(2, list(text)),
    values: field(3, list(text)),
  }),
);

export interface AddDuplicationRequest {
  appName: string;
  remoteClusterName: string;
  isDuplicatingCheckpoint?: boolean;
  remoteAppName?: string;
  remoteReplicaCount?: number;
}
export interface AddDuplicationResponse {
  err: string;
  appid: number;
  dupid: number;
  hint?: string;
  remoteAppName?: string;
  remoteReplicaCount?: number;
}
export const addDuplication: Rpc<AddDuplicationRequest, AddDuplicationResponse> = rpc(
  'RPC_CM_ADD_DUPLICATION',
  struct<AddDuplicationRequest>('duplication_add_request', {
    appName: field(1, text),
    remoteClusterName: field(2, text),
    isDuplicatingCheckpoint: optional(3, bool, true),
    remoteAppName: optional(4, text),
    remoteReplicaCount: optional(5, i32),
  }),
  struct<AddDuplicationResponse>('duplication_add_response', {
    err: field(1, errorCode),
    appid: field(2, i32),
    dupid: field(3, i32),
    hint: optional(4, text),
    remoteAppName: optional(5, text),
    remoteReplicaCount: optional(6, i32),
  }),
);

export interface ModifyDuplicationRequest {
  appName: string;
  dupid: number;
  status?: DupStatus;
  failMode?: FailMode;
}
export const modifyDuplication: Rpc<ModifyDuplicationRequest, { err: string; appid: number }> = rpc(
  'RPC_CM_MODIFY_DUPLICATION',
  struct<ModifyDuplicationRequest>('duplication_modify_request', {
    appName: field(1, text),
    dupid: field(2, i32),
    status: optional(3, dupStatus),
    failMode: optional(4, failMode),
  }),
  struct<{ err: string; appid: number }>('duplication_modify_response', { err: field(1, errorCode), appid: field(2, i32) }),
);

export interface QueryDuplicationResponse {
  err: string;
  appid: number;
  entryList: DuplicationEntry[];
}
export const queryDuplication: Rpc<{ appName: string }, QueryDuplicationResponse> = rpc(
  'RPC_CM_QUERY_DUPLICATION',
  struct<{ appName: string }>('duplication_query_request', { appName: field(1, text) }),
  // There is no field 2.
  struct<QueryDuplicationResponse>('duplication_query_response', {
    err: field(1, errorCode),
    appid: field(3, i32),
    entryList: field(4, list(duplicationEntry)),
  }),
);

export interface DuplicationAppState {
  appid: number;
  duplications: Map<number, DuplicationEntry>;
  appName: string;
  partitionCount: number;
}
export interface ListDuplicationResponse {
  err: string;
  hintMessage: string;
  appStates: Map<string, DuplicationAppState>;
}
export const listDuplication: Rpc<{ appNamePattern: string; matchType: keyof typeof MATCH }, ListDuplicationResponse> = rpc(
  'RPC_CM_LIST_DUPLICATION',
  struct<{ appNamePattern: string; matchType: keyof typeof MATCH }>('duplication_list_request', {
    appNamePattern: field(1, text),
    matchType: field(2, match),
  }),
  struct<ListDuplicationResponse>('duplication_list_response', {
    err: field(1, errorCode),
    hintMessage: field(2, text),
    appStates: field(
      3,
      map(
        text,
        struct<DuplicationAppState>('duplication_app_state', {
          appid: field(1, i32),
          duplications: field(2, map(i32, duplicationEntry)),
          appName: field(3, text),
          partitionCount: field(4, i32),
        }),
      ),
    ),
  }),
);

export interface UpdateAppEnvRequest {
  appName: string;
  op: keyof typeof ENV_OP;
  keys?: string[];
  values?: string[];
  clearPrefix?: string;
}
export interface UpdateAppEnvResponse {
  err: string;
  hintMessage: string;
}
export const updateAppEnv: Rpc<UpdateAppEnvRequest, UpdateAppEnvResponse> = rpc(
  'RPC_CM_UPDATE_APP_ENV',
  struct<UpdateAppEnvRequest>('configuration_update_app_env_request', {
    appName: field(1, text),
    op: field(2, enumeration(ENV_OP)),
    keys: optional(3, list(text)),
    values: optional(4, list(text)),
    clearPrefix: optional(5, text),
  }),
  struct<UpdateAppEnvResponse>('configuration_update_app_env_response', { err: field(1, errorCode), hintMessage: field(2, text) }),
);

/** To any node. The answer is a text, not a struct. */
export const remoteCommand: Rpc<{ cmd: string; arguments: string[] }, string> = rpc(
  'RPC_CLI_CLI_CALL',
  struct<{ cmd: string; arguments: string[] }>('command', { cmd: field(1, text), arguments: field(2, list(text)) }),
  text,
);

export interface DropAppRequest {
  appName: string;
  options: { successIfNotExist: boolean; reserveSeconds?: number };
}
export const dropApp: Rpc<DropAppRequest, Plain> = rpc(
  'RPC_CM_DROP_APP',
  struct<DropAppRequest>('configuration_drop_app_request', {
    appName: field(1, text),
    options: field(
      2,
      struct<DropAppRequest['options']>('drop_app_options', { successIfNotExist: field(1, bool), reserveSeconds: optional(2, i64) }),
    ),
  }),
  plain,
);

export interface BalanceRequest {
  gpid: Gpid;
  actionList: {
    target: string | null;
    node: string | null;
    type: keyof typeof CONFIG_TYPE;
    hpTarget?: string | null;
    hpNode?: string | null;
  }[];
  force?: boolean;
  balanceType?: keyof typeof BALANCE_TYPE;
}
export const proposeBalance: Rpc<BalanceRequest, Plain> = rpc(
  'RPC_CM_PROPOSE_BALANCER',
  struct<BalanceRequest>('configuration_balancer_request', {
    gpid: field(1, gpid),
    actionList: field(
      2,
      list(
        struct<BalanceRequest['actionList'][number]>('configuration_proposal_action', {
          target: field(1, rpcAddress),
          node: field(2, rpcAddress),
          type: field(3, enumeration(CONFIG_TYPE)),
          hpTarget: optional(5, hostPort),
          hpNode: optional(6, hostPort),
        }),
      ),
    ),
    force: optional(3, bool, false),
    balanceType: optional(4, enumeration(BALANCE_TYPE)),
  }),
  plain,
);

export const controlMeta: Rpc<{ level: keyof typeof META_LEVEL }, { err: string; oldLevel: keyof typeof META_LEVEL }> = rpc(
  'RPC_CM_CONTROL_META',
  struct<{ level: keyof typeof META_LEVEL }>('configuration_meta_control_request', { level: field(1, enumeration(META_LEVEL)) }),
  struct<{ err: string; oldLevel: keyof typeof META_LEVEL }>('configuration_meta_control_response', {
    err: field(1, errorCode),
    oldLevel: field(2, enumeration(META_LEVEL)),
  }),
);

export interface DddNodeInfo {
  node: string | null;
  dropTimeMs: number;
  isAlive: boolean;
  isCollected: boolean;
  ballot: number;
  lastCommittedDecree: number;
  lastPreparedDecree: number;
  hpNode?: string | null;
}
export interface DddDiagnoseResponse {
  err: string;
  partitions: { config: PartitionConfiguration; dropped: DddNodeInfo[]; reason: string }[];
}
export const diagnose: Rpc<{ pid: Gpid }, DddDiagnoseResponse> = rpc(
  'RPC_CM_DDD_DIAGNOSE',
  struct<{ pid: Gpid }>('ddd_diagnose_request', { pid: field(1, gpid) }),
  struct<DddDiagnoseResponse>('ddd_diagnose_response', {
    err: field(1, errorCode),
    partitions: field(
      2,
      list(
        struct<DddDiagnoseResponse['partitions'][number]>('ddd_partition_info', {
          config: field(1, partitionConfiguration),
          dropped: field(
            2,
            list(
              struct<DddNodeInfo>('ddd_node_info', {
                node: field(1, rpcAddress),
                dropTimeMs: field(2, i64),
                isAlive: field(3, bool),
                isCollected: field(4, bool),
                ballot: field(5, i64),
                lastCommittedDecree: field(6, i64),
                lastPreparedDecree: field(7, i64),
                hpNode: optional(8, hostPort),
              }),
            ),
          ),
          reason: field(3, text),
        }),
      ),
    ),
  }),
);

/** Every call by its name on the wire. */
export const RPCS: ReadonlyMap<string, Rpc<never, unknown>> = new Map(
  [
    queryConfig,
    listApps,
    listNodes,
    clusterInfo,
    addDuplication,
    modifyDuplication,
    queryDuplication,
    listDuplication,
    updateAppEnv,
    remoteCommand,
    dropApp,
    proposeBalance,
    controlMeta,
    diagnose,
  ].map((one) => [one.name, one as unknown as Rpc<never, unknown>]),
);
